//! Keys that sign tokens: RSA-2048.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding, SecretDocument};
use rsa::rand_core::{CryptoRng, Error, RngCore};

use super::{PkiError, pem};
use crate::base::{Entropy, Secret};

const BITS: usize = 2048;

/// The engine's randomness in the shape that the RSA library wants.
struct Source<'a>(&'a dyn Entropy);

impl RngCore for Source<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Source<'_> {}

fn making(cause: impl std::fmt::Display) -> PkiError {
    PkiError::Making { what: "the service-account key".to_owned(), cause: cause.to_string() }
}

/// Makes a key: private (PKCS#8 PEM). It takes a hundredth to a tenth of a second of computing, and ten times as long
/// on a processor that is not fit for the fast way.
///
/// # Errors
/// The library's, should it find no key.
pub fn generate(entropy: &dyn Entropy) -> Result<Secret, PkiError> {
    if is_fit() { Search::begin().wait().map_err(making) } else { generate_slowly(entropy) }
}

/// By the library that runs everywhere.
fn generate_slowly(entropy: &dyn Entropy) -> Result<Secret, PkiError> {
    let key = rsa::RsaPrivateKey::new(&mut Source(entropy), BITS).map_err(making)?;
    Ok(Secret::new(key.to_pkcs8_pem(LineEnding::LF).map_err(making)?.as_str()))
}

/// A search that was begun before it was known whether a key will be needed.
static AHEAD: Mutex<Option<Search>> = Mutex::new(None);

/// Begins the search for a key, which the next key that is made is the result of. For those who will need one, but have
/// other things to do before: reading the model, say.
pub fn prepare() {
    if is_fit() {
        let mut ahead = AHEAD.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.get_or_insert_with(Search::begin);
    }
}

/// The key of service-account tokens. Making one is a matter of luck and takes longer than all the rest together, so it
/// is sought beside other work, and waited for only by those who ask what it is.
#[derive(Clone)]
pub struct ServiceAccountKey(Arc<Sought>);

struct Sought {
    search: Option<Search>,
    found: OnceLock<Result<KeyHalves, String>>,
}

/// Both halves of the key of service-account tokens.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyHalves {
    /// The private half (RSA-2048, PKCS#8 PEM).
    pub private: Secret,
    /// The public half (SubjectPublicKeyInfo PEM).
    pub public: String,
}

impl ServiceAccountKey {
    /// A key that is there. Nobody checks that its halves belong together.
    pub fn found(halves: KeyHalves) -> Self {
        Self(Arc::new(Sought { search: None, found: OnceLock::from(Ok(halves)) }))
    }

    /// A new key.
    pub(super) fn new(entropy: &dyn Entropy) -> Result<Self, PkiError> {
        if !is_fit() {
            let private = generate_slowly(entropy)?;
            let public = public_half(super::file_name::SERVICE_ACCOUNT_KEY, &private)?;
            return Ok(Self::found(KeyHalves { private, public }));
        }
        let ahead = AHEAD.lock().unwrap_or_else(PoisonError::into_inner).take();
        let search = Some(ahead.unwrap_or_else(Search::begin));
        Ok(Self(Arc::new(Sought { search, found: OnceLock::new() })))
    }

    /// Both halves, as soon as they are there.
    ///
    /// # Errors
    /// The library's, should it find no key.
    pub fn halves(&self) -> Result<&KeyHalves, PkiError> {
        let found = self.0.found.get_or_init(|| {
            let search = self.0.search.as_ref().ok_or("nobody seeks it")?;
            let private = search.wait()?;
            let public = public_half("the new key", &private).map_err(|error| error.to_string())?;
            Ok(KeyHalves { private, public })
        });
        found.as_ref().map_err(making)
    }
}

impl std::fmt::Debug for ServiceAccountKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ServiceAccountKey")
    }
}

impl PartialEq for ServiceAccountKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || matches!((self.halves(), other.halves()), (Ok(one), Ok(two)) if one == two)
    }
}

impl Eq for ServiceAccountKey {}

/// Searches for one key, each in a thread of its own. The first that finds one ends it; nobody waits for the others,
/// and they write nothing.
#[derive(Clone, Default)]
struct Search(Arc<Results>);

#[derive(Default)]
struct Results {
    first: Mutex<Option<Result<Secret, String>>>,
    told: Condvar,
}

impl Search {
    fn begin() -> Self {
        let search = Self::default();
        search.join();
        search
    }

    /// One thread more that searches.
    fn join(&self) {
        let search = self.clone();
        std::thread::spawn(move || {
            let made = std::panic::catch_unwind(generate_fast);
            let made = made.unwrap_or_else(|_| Err("its search stopped early".to_owned()));
            search.0.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(made);
            search.0.told.notify_all();
        });
    }

    /// The key. Who waits has a processor to spare, so a second thread searches meanwhile: how long one takes is a matter
    /// of luck, and two take much less time until the first of them ends.
    fn wait(&self) -> Result<Secret, String> {
        let mut found = self.0.first.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_none() && std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1) {
            self.join();
        }
        loop {
            if let Some(made) = &*found {
                return made.clone();
            }
            found = self.0.told.wait(found).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Whether the processor has all that graviola needs; it would panic on another (its documentation, 0.4, "Limitations").
fn is_fit() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("avx")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("adx");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("neon")
        && std::arch::is_aarch64_feature_detected!("pmull")
        && std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// By graviola, which takes its randomness from the operating system by itself.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn generate_fast() -> Result<Secret, String> {
    use graviola::signing::rsa::{KeySize, SigningKey};
    let failed = |error| format!("{error:?}");
    let key = SigningKey::generate(KeySize::Rsa2048).map_err(failed)?;
    let mut buffer = zeroize::Zeroizing::new([0; 2048]);
    let der = key.to_pkcs8_der(buffer.as_mut_slice()).map_err(failed)?;
    let document = SecretDocument::try_from(der).map_err(|error| error.to_string())?;
    let pem = document.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|error| error.to_string())?;
    Ok(Secret::new(pem.as_str()))
}

/// There is no fast way here, and nobody asks for it.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn generate_fast() -> Result<Secret, String> {
    Err("this processor has no fast way".to_owned())
}

/// The public half (SubjectPublicKeyInfo PEM) of a private key, which has to be RSA.
pub(super) fn public_half(name: &str, key: &Secret) -> Result<String, PkiError> {
    let key = rsa::RsaPrivateKey::from_pkcs8_pem(key.expose())
        .map_err(|cause| pem::malformed(name, format!("it is no RSA key: {cause}")))?;
    key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(making)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;

    #[test]
    fn all_who_ask_get_the_one_key_that_was_found() {
        let key = ServiceAccountKey::new(&SystemEntropy).unwrap();
        let asked: Vec<_> = (0..4).map(|_| key.clone()).map(|key| std::thread::spawn(move || told(&key))).collect();
        let told: Vec<String> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
        assert!(told.iter().all(|one| *one == told[0] && one.starts_with("-----BEGIN PRIVATE KEY-----")));
    }

    #[test]
    fn a_key_sought_ahead_is_given_out_once() {
        prepare();
        let (first, second) = (ServiceAccountKey::new(&SystemEntropy), ServiceAccountKey::new(&SystemEntropy));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_ne!(told(&first), told(&second));
        assert_ne!(first, second);
        let halves = first.halves().unwrap();
        assert_eq!(halves.public, public_half("the key", &halves.private).unwrap());
    }

    #[test]
    fn a_search_that_fails_is_told_to_everybody() {
        let failed = Search::default();
        *failed.0.first.lock().unwrap() = Some(Err("no luck".to_owned()));
        let key = ServiceAccountKey(Arc::new(Sought { search: Some(failed), found: OnceLock::new() }));
        for _ in 0..2 {
            let error = key.clone().halves().unwrap_err().to_string();
            assert_eq!(error, "cannot make the service-account key: no luck");
        }
        assert!(!format!("{key:?}").contains("luck"));
    }

    fn told(key: &ServiceAccountKey) -> String {
        key.halves().unwrap().private.expose().to_owned()
    }
}
