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
    /// The tenant or the application does not exist.
    NoSuchPrincipal = 67,
    /// There is no way to the cloud: no name, no connection.
    NoNetwork = 68,
    /// The cloud or a host does not answer, or throttles for too long.
    Unavailable = 69,
    /// A fault of the program itself.
    Bug = 70,
    /// A state does not take the place of the one that is there.
    StateRefused = 71,
    /// The state, a kept plan or an image is damaged, or of a newer engine.
    StateDamaged = 72,
    /// Somebody else holds the lock of the state, of an image or of a kubeconfig.
    Locked = 73,
    /// Partly done; `engine resume` goes on, or the same `engine create`.
    Partial = 75,
    /// The plan does not fit the world any more.
    PlanStale = 76,
    /// The credentials are missing, wrong or expired.
    Authentication = 77,
    /// The machine or the cloud lacks something that is needed; told before anything was changed.
    Environment = 78,
    /// The cloud's certificate is not trusted.
    Untrusted = 79,
    /// Something answers in the cloud's place.
    Intercepted = 80,
    /// The token has ended, and no other is to be had.
    TokenEnded = 81,
    /// Interrupted; what ran was finished and recorded.
    Interrupted = 130,
}

impl Exit {
    /// All of them, with what they mean: the source of `docs/exit-codes.md`.
    pub const ALL: [(Self, &'static str); 20] = [
        (Self::Success, "Done, or nothing to do"),
        (Self::Failure, "It failed, and no other code says it better"),
        (Self::Changes, "`plan --exit-code` only: there is something to do"),
        (Self::Usage, "The command line is wrong"),
        (Self::Definition, "The API model is wrong; every fault is listed with line and column"),
        (Self::NoSuchPrincipal, "The tenant or the application to sign in as does not exist"),
        (Self::NoNetwork, "There is no way to the cloud: its name is not resolved, or no connection comes about"),
        (Self::Unavailable, "The cloud or a host does not answer, or throttles for too long"),
        (Self::Bug, "A fault of the program itself"),
        (Self::StateRefused, "A state or a file is older than the one in its place, or another; `--force` overwrites"),
        (
            Self::StateDamaged,
            "The state, a kept plan or an image is damaged, or of a newer engine; the message says what to go back to",
        ),
        (
            Self::Locked,
            "Somebody else holds the lock of the state, of an image or of a kubeconfig, or took it over; the message says more",
        ),
        (
            Self::Partial,
            "Partly done; `engine resume` goes on where it stopped, and after `create` the same command does",
        ),
        (Self::PlanStale, "The plan does not fit the world any more; make it anew"),
        (Self::Authentication, "The credentials are missing, wrong or expired"),
        (Self::Environment, "The machine or the cloud lacks something that is needed; nothing was changed"),
        (Self::Untrusted, "The cloud's certificate is not trusted; its root certificate has to be given"),
        (Self::Intercepted, "Something answers in the cloud's place, such as a proxy's page"),
        (Self::TokenEnded, "The token has ended, and no other is to be had"),
        (Self::Interrupted, "Interrupted; what ran was finished and recorded, and `engine resume` goes on"),
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// What can stand between here and the cloud: the situation, the code of the fault, and the exit code. The source of the
/// second table of `docs/exit-codes.md`; `exit_of` in `error.rs` follows it.
pub const TROUBLE: [(&str, &str, Exit); 16] = [
    ("The client secret is wrong", "AADSTS7000215", Exit::Authentication),
    ("The client secret has expired", "AADSTS7000222", Exit::Authentication),
    ("The client certificate is not the application's", "AADSTS700027", Exit::Authentication),
    ("The tenant does not exist", "AADSTS90002", Exit::NoSuchPrincipal),
    ("The tenant's id is malformed", "AADSTS900023", Exit::NoSuchPrincipal),
    ("The application is not known in the tenant", "AADSTS700016", Exit::NoSuchPrincipal),
    ("A token ended during a run, and no other is given", "ExpiredAuthenticationToken", Exit::TokenEnded),
    ("An assertion has ended, or the clock is wrong", "AADSTS700024", Exit::TokenEnded),
    ("The certificate comes from an authority that is not trusted", "TlsCertificate", Exit::Untrusted),
    ("A proxy or a portal answers with a page", "NotJson", Exit::Intercepted),
    ("The address tells nothing of a cloud", "NoMetadata", Exit::Intercepted),
    ("The name is not resolved", "NameResolution", Exit::NoNetwork),
    ("No connection comes about", "Connection", Exit::NoNetwork),
    ("Nothing answers in time", "ConnectTimeout", Exit::NoNetwork),
    ("The cloud throttles for too long", "TooManyRequests", Exit::Unavailable),
    ("Of several hosts on-prem, some cannot be asked", "HostAbsent", Exit::Unavailable),
];
