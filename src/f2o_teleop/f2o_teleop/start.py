"""Entry points of the nodes; see f2o_nodekit.entry."""

from f2o_nodekit.entry import starter

teleop_node = starter("f2o_teleop.teleop_node")
enable_node = starter("f2o_teleop.enable_node")
recorder_node = starter("f2o_teleop.recorder_node")
view_node = starter("f2o_teleop.view_node")
