//! The program. All of it is in the library, so that it is compiled once and at one time.

fn main() -> std::process::ExitCode {
    vscale::main()
}
