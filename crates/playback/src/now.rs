//! Who is viewing now: a register in memory, kept level with what all nodes have folded.
