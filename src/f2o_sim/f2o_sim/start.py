"""Entry points of the nodes; see f2o_nodekit.entry."""

from f2o_nodekit.entry import starter

sim_node = starter("f2o_sim.sim_node")
expert_node = starter("f2o_sim.expert_node")
