"""A Slurm of one node on this machine: two processors and two GPUs that do not exist. Needs root.

Slurm takes its configuration from /etc/slurm: a job step that drops the SLURM_ variables knows no other place. So
nothing starts where that folder has a configuration already, and everything is removed at the end.
"""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from waiting import HANG, wait_until

ETC = Path("/etc/slurm")
FILES = {"slurm.conf": ETC / "slurm.conf", "gres.conf": ETC / "gres.conf"}
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol")
_MARK = "# Made by a test of normreg, which deletes it.\n"
_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job whose node died starts again after this many seconds.
AuthInfo=cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
SchedulerParameters=sched_interval=2,batch_sched_delay=0
MinJobAge=3600
JobRequeue=1
ReturnToService=2
# A node that is silent for so many seconds has failed.
SlurmdTimeout=5
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
GresTypes=gpu
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd.log
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def without_plugin() -> str | None:
    """Why Snakemake cannot submit jobs to Slurm. None if it can."""
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "Snakemake's executor plugin is missing: make slurm"
    return None


def why_not() -> str | None:
    """Why no cluster can be started here, and what to do about it. None if it can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing:
        return f"there is no {', '.join(missing)}: apt-get install --no-install-recommends slurm-wlm munge"
    if reason := without_plugin():
        return reason
    if os.geteuid() != 0:
        return "only root can start Slurm's processes"
    for path in filter(Path.exists, FILES.values()):
        ours = path.read_text(errors="replace").startswith(_MARK)
        return f"{path} " + ("is left over from a killed test: delete it" if ours else "belongs to a cluster")
    return None


class Cluster:
    """Starts on `start`, ends with everything it started on `stop`."""

    def __init__(self, home: Path) -> None:
        self.home, self.processes = home, {}
        self.host = socket.gethostname().partition(".")[0]

    def start(self) -> None:
        """Returns when the node takes jobs."""
        for folder in ("state", "spool"):
            (self.home / folder).mkdir()
        ETC.mkdir(exist_ok=True)
        FILES["slurm.conf"].write_text(_MARK + _CONF.format(host=self.host, home=self.home))
        gpus = _MARK + "".join(f"NodeName={self.host} Name=gpu File=/dev/{file}\n" for file in ("null", "zero"))
        FILES["gres.conf"].write_text(gpus)
        if subprocess.run(["munge", "-n"], capture_output=True).returncode:
            self._start_munge()
        self._run("slurmctld", "-D", "-c")
        self.start_node()

    def _start_munge(self) -> None:
        runtime, key = Path("/run/munge"), self.home / "munge.key"
        runtime.mkdir(exist_ok=True)
        runtime.chmod(0o755)
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        paths = {"key-file": key, "log-file": self.home / "munged.log", "pid-file": self.home / "munged.pid"}
        paths["seed-file"] = self.home / "munged.seed"
        self._run("munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in paths.items()))
        wait_until(lambda: subprocess.run(["munge", "-n"], capture_output=True).returncode == 0, self.logs)

    def start_node(self) -> None:
        """Starts slurmd, and waits until the controller sees it."""
        self._run("slurmd", "-D")
        wait_until(lambda: self._node_state() in ("idle", "mix", "alloc"), self.logs)

    def kill_node(self) -> None:
        """What a power cut does: slurmd, the processes that watch over jobs and the jobs themselves are gone.

        Returns when Slurm has noticed it.
        """
        watchers = self._job_watchers()
        self.processes.pop("slurmd").kill()
        for pid in [*watchers, *(child for watcher in watchers for child in descendants(watcher))]:
            kill(pid)
        wait_until(lambda: self._node_state().startswith("down"), self.logs)

    def _node_state(self) -> str:
        return self.say("sinfo", "-h", "-o", "%t").strip()

    def _job_watchers(self) -> list[int]:
        """The slurmstepd of this cluster's jobs. The title of such a process has the number of its job."""
        jobs = self.say("squeue", "-h", "-o", "%A").split()
        return [
            pid
            for pid, line in command_lines().items()
            if line.startswith("slurmstepd: [") and line.removeprefix("slurmstepd: [").partition(".")[0] in jobs
        ]

    def say(self, *command: str) -> str:
        """What a command of Slurm's writes. Nothing if the controller does not answer yet."""
        return subprocess.run(command, capture_output=True, text=True).stdout

    def jobs(self) -> dict[str, str]:
        """All jobs there have been: number to state, in order."""
        lines = self.say("squeue", "-h", "-t", "all", "-o", "%A %T").splitlines()
        return dict(sorted((line.split() for line in lines), key=lambda job: int(job[0])))

    def restarts(self, job: str) -> int:
        """How often Slurm has put this job back into the queue."""
        return int(re.search(r"Restarts=(\d+)", self.say("scontrol", "show", "job", job))[1])

    def logs(self) -> str:
        """What the daemons said, for the error of a test."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.home.glob("*.log")))

    def stop(self) -> None:
        """Ends all jobs and processes and removes the configuration."""
        try:
            self.say("scancel", "--user=root")
            given_up = time.monotonic() + HANG
            while self.say("squeue", "-h").strip() and time.monotonic() < given_up:
                time.sleep(0.2)
            for name in ("slurmd", "slurmctld", "munged"):
                if process := self.processes.pop(name, None):
                    process.terminate()
                    process.wait(timeout=HANG)
        finally:
            for process in self.processes.values():
                process.kill()
            for path in FILES.values():
                path.unlink(missing_ok=True)

    def _run(self, name: str, *arguments: str) -> None:
        program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
        output = (self.home / f"{name}.out.log").open("ab")
        # A session of its own: Ctrl-C in a terminal must not end the cluster before the test.
        self.processes[name] = subprocess.Popen(
            [program, *arguments], stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )


def command_lines() -> dict[int, str]:
    """The command line of every process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[int(path.parent.name)] = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
    return found


def descendants(pid: int) -> list[int]:
    """All processes below this one."""
    found = []
    for path in Path("/proc").glob(f"{pid}/task/*/children"):
        try:
            children = [int(child) for child in path.read_text().split()]
        except OSError:
            continue
        found += [below for child in children for below in (child, *descendants(child))]
    return found


def kill(pid: int) -> None:
    """SIGKILL, also if it has just ended."""
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return
