"""``f2o demonstrate``: the scripted demonstrator's data set without ROS, bags or waiting."""
