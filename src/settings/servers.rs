//! The keys of `[mcp.NAME]`.

/// One key of `[mcp.NAME]`: name, type, default, example as TOML, meaning.
pub(crate) const SERVER_SETTINGS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "command",
        "a list of a program and its arguments",
        "required without `url`",
        "[\"npx\", \"-y\", \"@modelcontextprotocol/server-filesystem\", \"data\"]",
        "The program to run as the server. It starts in the project's folder when one of its tools is \
         needed.",
    ),
    (
        "env",
        "a list of variable names",
        "none",
        "[\"GITHUB_TOKEN\"]",
        "Environment variables that the program gets in addition to PATH, HOME, USER, LANG, LC_ALL, \
         TZ, TMPDIR and TERM.",
    ),
    (
        "url",
        "text",
        "required without `command`",
        "\"https://search.example/mcp\"",
        "The address of a server that is reached over HTTP.",
    ),
    (
        "key",
        "text",
        "none",
        "\"env:SEARCH_TOKEN\"",
        "Where to find the key of an HTTP server: `env:NAME` or `file:PATH`. Never the key itself.",
    ),
    (
        "read",
        "a list of tool names, which may contain `*`",
        "none",
        "[\"read_*\", \"list_*\"]",
        "Tools that can be repeated and have no lasting effect.",
    ),
    (
        "approve",
        "\"never\", or a list of tool names, which may contain `*`",
        "all tools that are not in `read`",
        "[\"write_*\"]",
        "Tools that need a person's approval before each call.",
    ),
    (
        "only",
        "a list of tool names, which may contain `*`",
        "all tools",
        "[\"read_*\"]",
        "The only tools that are offered.",
    ),
    (
        "except",
        "a list of tool names, which may contain `*`",
        "none",
        "[\"move_file\"]",
        "Tools that are not offered.",
    ),
    (
        "start_timeout_ms",
        "a time in milliseconds",
        "30000",
        "60_000",
        "Maximum wait until a server is ready.",
    ),
    ("timeout_ms", "a time in milliseconds", "60000", "10_000", "Maximum duration of a call."),
    (
        "pin",
        "true or false",
        "false",
        "true",
        "Whether a server is refused when its tools have changed since the project was trusted.",
    ),
    (
        "protocol",
        "\"auto\" or a version of the protocol",
        "\"auto\"",
        "\"2025-11-25\"",
        "The version of the protocol. `auto` detects it and remembers it.",
    ),
];
