//! The exit codes. They are part of the interface: `docs/exit-codes.md` lists them, and pipelines branch on them.

/// Why the program ended, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Success = 0,
    /// It failed, and no other code says it better.
    Failure = 1,
    /// `plan --exit-code` only: there is something to do.
    Changes = 2,
    /// The command line is wrong.
    Usage = 64,
    /// The API model is wrong.
    Definition = 65,
    /// The cloud does not answer, or throttled for too long.
    Unavailable = 69,
    /// A fault of the program itself.
    Bug = 70,
    /// Somebody else holds the state's lock.
    Locked = 73,
    /// Partly done; `engine resume` goes on.
    Partial = 75,
    /// The plan does not fit the world any more.
    PlanStale = 76,
    /// The credentials are missing, wrong or expired.
    Authentication = 77,
    /// The machine or the cloud lacks something that is needed; told before anything was changed.
    Environment = 78,
    /// Interrupted; what ran was finished and recorded.
    Interrupted = 130,
}

impl Exit {
    /// All of them, with what they mean: the source of `docs/exit-codes.md`.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::Success, "Done, or nothing to do"),
        (Self::Failure, "It failed, and no other code says it better"),
        (Self::Changes, "`plan --exit-code` only: there is something to do"),
        (Self::Usage, "The command line is wrong"),
        (Self::Definition, "The API model is wrong; every fault is listed with line and column"),
        (Self::Unavailable, "The cloud does not answer, or throttled for too long"),
        (Self::Bug, "A fault of the program itself"),
        (Self::Locked, "Somebody else holds the state's lock; the message says who and since when"),
        (Self::Partial, "Partly done; `engine resume` goes on where it stopped"),
        (Self::PlanStale, "The plan does not fit the world any more; make it anew"),
        (Self::Authentication, "The credentials are missing, wrong or expired"),
        (Self::Environment, "The machine or the cloud lacks something that is needed; nothing was changed"),
        (Self::Interrupted, "Interrupted; what ran was finished and recorded, and `engine resume` goes on"),
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}
