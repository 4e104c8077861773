//! The `kaizen` program.

fn main() -> std::process::ExitCode {
    kaizen::cli::run()
}
