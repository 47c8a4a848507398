//! How large the pages are in which the system gives memory.
//!
//! Linux gives large ones (2 MiB) to whoever asks for them, as the allocator does, unless the process forbids it. They make
//! much work with much memory faster, because the processor finds its way in it; what is done in a moment would only take
//! more of it than it needs.

/// Takes memory in small pages from now on.
pub fn take_small_pages() {
    forbid_large(true);
}

/// Takes memory in large pages from now on, where the system has them.
pub fn take_large_pages() {
    forbid_large(false);
}

#[cfg(target_os = "linux")]
fn forbid_large(forbid: bool) {
    // A kernel without such pages says no, and nothing is lost.
    let _ = rustix::thread::disable_transparent_huge_pages(forbid);
}

#[cfg(not(target_os = "linux"))]
fn forbid_large(_: bool) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_what_the_system_gives() {
        let are_forbidden = || rustix::thread::transparent_huge_pages_are_disabled().ok();
        let Some(before) = are_forbidden() else { return };
        take_small_pages();
        assert_eq!(are_forbidden(), Some(true));
        take_large_pages();
        assert_eq!(are_forbidden(), Some(false));
        forbid_large(before);
    }
}
