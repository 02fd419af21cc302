"""How much a subject may ask for in a while: windows and bursts that all processes share through Redis."""
