"""A simulated control unit of a Franka arm: it speaks the FCI's public protocol, so that libfranka connects to it.

Wire format, modes and order of the answers: frankarobotics/libfranka-common (research_interface, Apache-2.0).
"""
