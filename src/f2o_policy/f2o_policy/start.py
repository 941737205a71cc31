"""Entry points of the nodes; see f2o_nodekit.entry."""

from f2o_nodekit.entry import starter

policy_node = starter("f2o_policy.policy_node")
