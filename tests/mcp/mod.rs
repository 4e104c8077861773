//! MCP servers: hostile ones, which have one outcome each and leave no process behind.

mod hostile;
