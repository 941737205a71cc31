"""Policy PC and real-time PC as two network namespaces, with a network between them that can be spoiled and cut."""
