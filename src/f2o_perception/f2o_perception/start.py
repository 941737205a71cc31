"""Entry points of the nodes; see f2o_nodekit.entry."""

from f2o_nodekit.entry import starter

perception_node = starter("f2o_perception.perception_node")
