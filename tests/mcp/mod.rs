//! MCP servers: hostile ones, which have one outcome each and leave no process behind, and real ones.

mod hostile;
mod http;
mod real;
mod serve;
mod word;
