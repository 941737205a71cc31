"""``f2o call arm``: the operator services of the bridge from a shell, where there is no ``ros2 service call`` (ROS)."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from f2o_nodekit.names import namespace_word

SERVICES = ("arm", "disarm", "home", "recover", "takeover")


def add(commands: Any) -> None:
    """Add the command to ``f2o``."""
    call = commands.add_parser(
        "call", help="call an operator service of the bridge: arm, disarm, home, recover or takeover"
    )
    call.set_defaults(run=run)
    call.add_argument("service", choices=SERVICES)
    call.add_argument("--off", action="store_true", help="takeover: give the arm back to the policy")
    call.add_argument("--namespace", type=namespace_word, default="", help="of the arm, as of f2o-launch")
    call.add_argument("--wait", type=float, default=10.0, metavar="S", help="for the bridge (default: 10)")


def run(arguments: argparse.Namespace) -> int:
    """Call f2o/<service> and print the response; 1 when it refuses or does not respond."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions
    from std_srvs.srv import SetBool, Trigger

    kind, request = (
        (SetBool, SetBool.Request(data=not arguments.off))
        if arguments.service == "takeover"
        else (Trigger, Trigger.Request())
    )
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("f2o_call", namespace=arguments.namespace)
    try:
        name = node.resolve_service_name(f"f2o/{arguments.service}")
        client = node.create_client(kind, name)
        if not client.wait_for_service(timeout_sec=arguments.wait):
            return _refused(
                f"{name}: service not available within {arguments.wait:g} s; is the bridge running?"
            )
        future = client.call_async(request)
        rclpy.spin_until_future_complete(node, future, timeout_sec=arguments.wait)
        if (response := future.result()) is None:
            return _refused(f"{name}: no response within {arguments.wait:g} s")
        print(response.message)
        return 0 if response.success else 1
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _refused(why: str) -> int:
    print(f"f2o call: {why}", file=sys.stderr)
    return 1
