//! The one place that asks for randomness, so that a test can repeat it.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with randomness.
    fn fill(&self, bytes: &mut [u8]);

    /// A random version 4 UUID.
    fn uuid(&self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A random text of `length` characters out of `alphabet` (ASCII, at most 256 characters).
    fn text(&self, alphabet: &[u8], length: usize) -> String {
        // Bytes beyond the largest multiple of the alphabet's length are thrown away, or early letters would be likelier.
        let limit = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(length);
        let mut bytes = [0; 32];
        while text.len() < length {
            self.fill(&mut bytes);
            for byte in bytes {
                if usize::from(byte) < limit && text.len() < length {
                    text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
                }
            }
        }
        text
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::expect_used,
        reason = "a machine without randomness cannot make keys; there is nothing to go on with"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// Repeatable bytes out of a seed. For tests and goldens only; not a source of keys.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    counter: AtomicU64,
}

impl SeededEntropy {
    /// A source that gives the same bytes for the same `seed` and order of calls.
    pub const fn new(seed: u64) -> Self {
        Self { seed, counter: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let counter = self.counter.fetch_add(1, Ordering::Relaxed);
            let block =
                Sha256::new().chain_update(self.seed.to_le_bytes()).chain_update(counter.to_le_bytes()).finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}
