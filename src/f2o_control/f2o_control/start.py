"""Entry points of the nodes; see f2o_nodekit.entry."""

from f2o_nodekit.entry import starter

bridge_node = starter("f2o_control.bridge_node")
