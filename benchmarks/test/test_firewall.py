"""The rules of ``f2o firewall`` on the two PCs: the whole loop runs, and a third machine there hears nothing."""

import shutil
import subprocess
import time

import pytest

from benchmarks.common.processes import command, environment
from benchmarks.two_pcs.cell import ADDRESSES, unavailable
from benchmarks.two_pcs.loop import PATIENT, TwoPcs

LISTENS_S = 15.0  # a stranger that nobody keeps out hears joint states within three
WHY_NOT = unavailable() or ("" if shutil.which("nft") else "nft not found: apt-get install nftables")
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")


def rules(pc, policy):
    """As somebody on ``pc`` would have them printed."""
    given = [f"--{name.replace('_', '-')}={address}" for name, address in ADDRESSES.items()]
    words = ["f2o", "firewall", "nft", "--pc", pc, "--policy", policy, *given]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("policy", ["drop", "accept"])
def test_the_loop_runs_behind_the_firewall_and_nobody_else_gets_in(tmp_path, policy):
    """Names of nodes cross on ports of their own. With the rules off, the same stranger gets in."""

    def close(cell):
        for pc in ADDRESSES:
            cell.filter(pc, rules(pc, policy))

    with TwoPcs(tmp_path, PATIENT, prepare=close, stranger=True) as both:
        stranger(both)
        both.arm()
        both.until(lambda: both.at("real_time_pc")["speed"] > 0.01, "a motion of the arm", both.arm)
        both.until(
            lambda: both.at("policy_pc")["measured_by"] == "sim_node", "the name of the other PC's node"
        )
        time.sleep(LISTENS_S)
        both.until(lambda: both.log("stranger").stat().st_size > 0, "the stranger")
        commands = both.at("real_time_pc")["commands"]
        both.until(lambda: both.at("real_time_pc")["commands"] > commands, "more commands")
        assert both.at("stranger")["joints"] == both.at("stranger")["commands"] == 0
        assert both.at("stranger")["mode"] == ""
        for pc in ADDRESSES:
            both.cell.filter(pc, "flush ruleset\n")
        both.until(lambda: both.at("stranger")["joints"] > 0, "joint states at the stranger")


def stranger(both):
    """A machine that names both PCs as its peers and looks for others, too."""
    told = ["ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET", f"ROS_STATIC_PEERS={';'.join(ADDRESSES.values())}"]
    words = ["env", *told, *command("benchmarks.two_pcs.operator_node")]
    both.cell.start("stranger", words, both.log("stranger"))
