//! The conversation nouns. Pure: knows nothing of graphs, disks or scripts.

pub mod branch;
