// The board of all videos, the classes of the project, the merged export, cost and agreement.

import { getJson, post } from "./api.js";
import { claimDialog, closeDialog, field, openDialog } from "./dialogs.js";
import { colourObjects, loadVideos, openVideo } from "./document.js";
import { h } from "./html.js";
import { identity, setAnnotator } from "./identity.js";
import { showError, showStatus } from "./status.js";
import { changed, state } from "./store.js";
import { clock } from "./timeline.js";

const SPLITS = ["train", "val", "test"];
const STATUS = { new: "not begun", open: "in work", done: "done", skipped: "skipped", broken: "cannot be opened" };

const table = (head, rows) => h("table", {}, h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, ...rows));
const cells = (...values) => h("tr", {}, ...values.map((value) => h("td", {}, value ?? "")));

export async function loadClasses() {
  const { classes } = await getJson("/api/classes");
  state.classes = classes;
  colourObjects();
  changed("document");
}

export async function showBoard() {
  let board;
  const isAskedFor = claimDialog();
  try {
    await loadVideos();
    board = await getJson("/api/board");
  } catch (error) {
    return showError(error);
  }
  if (!isAskedFor()) return undefined;
  let only = "";
  const body = h("div");
  const show = () => body.replaceChildren(table(["video", "state", "length", "objects", "segments", "work", "worst", "split"],
    state.videos.filter((video) => !only || video.status === only).map((video) => videoRow(video, board))));
  const filter = h("select", { ariaLabel: "Show", onchange: (event) => { only = event.target.value; show(); } }, h("option", { value: "" }, "all videos"), ...Object.entries(STATUS).map(([value, name]) => h("option", { value }, name)));
  show();
  const done = state.videos.filter((video) => video.status === "done").length;
  const minutes = Math.round(state.videos.reduce((sum, video) => sum + (video.spent ?? 0), 0) / 60);
  openDialog("All videos", [
    h("div.row", {}, filter, h("span.sub", {}, `${done} of ${state.videos.length} done · ${minutes} min of work`), h("span.grow"),
      h("button.small", { type: "button", onclick: showClasses }, "Classes…"), h("button.small", { type: "button", onclick: () => showExport() }, "Export all…"),
      h("button.small", { type: "button", onclick: () => showCost(board) }, "Cost…"),
      h("button.small", { type: "button", onclick: showQuality }, "Quality…"), board.annotators.length > 1 ? h("button.small", { type: "button", onclick: () => showAgreement(board) }, "Agreement…") : null),
    h("div.scroll", {}, body),
    field("annotator", "Your name", identity.annotator, { onchange: (event) => setAnnotator(event.target.value) }),
  ], { wide: true });
}

function videoRow(video, board) {
  const split = h("select", { ariaLabel: `Split of ${video.name}`, onchange: (event) => post("/api/splits", { splits: { [video.name]: event.target.value } }).catch(showError) },
    ...SPLITS.map((name) => h("option", { value: name, selected: board.splits[video.name] === name }, name)));
  const link = h("button.small.quiet.name", { type: "button", onclick: () => { closeDialog(); openVideo(video.key).catch(showError); } }, video.name);
  return cells(link, h("span", {}, h(`span.dot.${video.status}`), ` ${STATUS[video.status] ?? video.status}`), video.seconds ? clock(video.seconds, 1) : "", video.objects || "", video.segments || "",
    video.spent ? clock(video.spent, 1) : "", typeof video.worst === "number" ? video.worst.toFixed(2) : "", split);
}

export async function showClasses() {
  const isAskedFor = claimDialog();
  try {
    await loadClasses();
  } catch (error) {
    return showError(error); // a list that cannot be read is not replaced
  }
  if (!isAskedFor()) return undefined;
  const lines = h("textarea", { name: "classes", rows: 14, ariaLabel: "Classes, one a line" }, state.classes.map((item) => `${item.name} ${item.colour}`).join("\n"));
  const preset = (name, title) => h("button.small", { type: "button", onclick: async () => {
    state.classes = (await post("/api/classes", { preset: name })).classes;
    lines.value = state.classes.map((item) => `${item.name} ${item.colour}`).join("\n");
  } }, title);
  openDialog("Classes of the project", [
    h("p.none", {}, "One class a line, with its colour if it is to have one. Their order is their id in every export: add new ones at the end."),
    h("div.row", {}, preset("lu_avs", "Add the 88 of LU-AVS"), preset("avsbench", "Add the 70 of AVSBench")), lines,
  ], { yes: "Save", done: async () => {
    const classes = lines.value.split("\n").map((line) => /^(.*?)\s*(#[0-9a-f]{6})?$/i.exec(line.trim())).filter((found) => found?.[1]).map(([, name, colour]) => ({ name, colour: colour ?? null }));
    try {
      state.classes = (await post("/api/classes", { classes })).classes;
      colourObjects();
      changed("document", "masks");
      showStatus(`${state.classes.length} classes saved`);
    } catch (error) {
      showError(error);
    }
  } });
}

export async function showExport(format = "lu_avs", folder = () => "exports/project") {
  let check;
  const isAskedFor = claimDialog();
  try {
    check = await getJson(`/api/export?format=${format}`);
  } catch (error) {
    return showError(error);
  }
  if (!isAskedFor()) return undefined; // closed or sent meanwhile
  const names = { lu_avs: "LU-AVS", avsbench: "AVSBench MS3", coco: "COCO and YouTube-VIS" };
  const select = h("select", { name: "format", onchange: (event) => showExport(event.target.value, () => event.target.form.elements.out.value) }, ...check.formats.map((name) => h("option", { value: name, selected: name === format }, names[name] ?? name)));
  const remarks = check.videos.filter((video) => video.remark).map((video) => cells(video.name, video.remark));
  const exported = check.videos.filter((video) => video.exported);
  openDialog("Export all videos as one data set", [
    h("label.field", {}, h("span", {}, "Format"), select),
    field("out", "Folder inside the project", folder()),
    format === "coco" ? h("label.field", {}, h("span", {}, "Frames"), h("span", {}, h("input", { type: "checkbox", name: "pictures" }), " write them as JPEG")) : null,
    h("p.none", {}, `${exported.length} of ${check.videos.length} videos: ${SPLITS.map((split) => `${exported.filter((video) => video.split === split).length} ${split}`).join(", ")}`),
    remarks.length ? h("div.scroll", {}, table(["video", "before the export"], remarks)) : h("p.none", {}, "nothing is missing or stale"),
  ], { yes: "Export", wide: true, done: async (form) => {
    showStatus("exporting …");
    try {
      const answer = await post("/api/export", { format: form.get("format"), out: form.get("out").trim(), pictures: Boolean(form.get("pictures")) });
      const counts = Object.entries(answer.videos).map(([split, videos]) => `${videos.length} ${split}`).join(", ");
      const left = Object.entries(answer.left_out).map(([name, reason]) => `${name}: ${reason}`).join("; ");
      showStatus(`exported to ${answer.path}: ${counts}${left ? `; left out: ${left}` : ""}`, left ? "warn" : "");
    } catch (error) {
      showError(error);
    }
  } });
}

function showCost(board) {
  const rows = board.cost.map((row) => cells(row.video, row.annotation, row.annotator, row.objects, row.segments, row.inputs, row.accepted, clock(row.seconds, 1), row.seconds_per_segment));
  openDialog("What the annotation has cost", [rows.length ? h("div.scroll", {}, table(["video", "annotation", "who", "objects", "segments", "inputs", "accepted", "time", "s / segment"], rows)) : h("p.none", {}, "nothing was done yet")], { wide: true });
}

// how often the marks of the quality were right, as far as somebody has accepted or repaired the frames
async function showQuality() {
  const isAskedFor = claimDialog();
  try {
    const { rows, summary } = await getJson("/api/quality");
    if (!isAskedFor()) return;
    openDialog("Was the quality right?", [h("p", {}, summary), h("div.scroll", {}, table(["frames", "accepted", "repaired", "of these wrong"],
      rows.map((row) => cells(row.frames, String(row.accepted), String(row.repaired), String(row.wrong))))),
    h("p.none", {}, "Wrong: removed, or an IoU below 0.6 with the repaired mask.")]);
  } catch (error) {
    showError(error);
  }
}

async function showAgreement(board, first = board.annotators[0], second = board.annotators[1]) {
  const choice = (value, other) => h("select", { ariaLabel: "Annotator", onchange: (event) => showAgreement(board, ...other(event.target.value)) }, ...board.annotators.map((name) => h("option", { value: name, selected: name === value }, name)));
  let content;
  const isAskedFor = claimDialog();
  try {
    const { rows, summary } = await getJson(`/api/agreement?first=${encodeURIComponent(first)}&second=${encodeURIComponent(second)}`);
    const number = (value) => (value === null ? "–" : value.toFixed(2));
    content = [h("p", {}, summary), h("div.scroll", {}, table(["video", "class", first, second, "frames", "tIoU", "IoU", "most different", "result"], rows.map((row) =>
      cells(row.video, row.label, row.first || "–", row.second || "–", `${row.start}–${row.end - 1}`, number(row.tiou), number(row.iou), row.worst === null ? "" : `frame ${row.worst}`, row.third_look ? h("b.warn", {}, "third look") : "agreed"))))];
  } catch (error) {
    content = [h("p.none", {}, error.message)];
  }
  if (!isAskedFor()) return;
  openDialog("Agreement of two annotators", [h("div.row", {}, choice(first, (name) => [name, second]), choice(second, (name) => [first, name])), ...content], { wide: true });
}
