//! The program `engine`: hands the command line over and gives back the exit code.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Most verbs are done in a moment.
    engine::base::take_small_pages();
    engine::cli::run(std::env::args_os().collect(), engine::base::Environment::of_process())
}
