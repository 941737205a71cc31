from jaxtyping import install_import_hook

install_import_hook("f2o_bringup", "beartype.beartype")
