"""Many jobs: each a fresh process with devices of its own."""

from avseg.sweep.estimate import Estimate, estimate
from avseg.sweep.jobs import Job, plan
from avseg.sweep.scheduler import Outcome, run_jobs
from avseg.sweep.state import State, state_of

__all__ = ["Estimate", "Job", "Outcome", "State", "estimate", "plan", "run_jobs", "state_of"]
