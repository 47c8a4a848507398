//! What is kept elsewhere is encrypted here: AES-256-GCM over each object, by a key that is made with the store and is kept
//! beside it, encrypted in turn by what the user gives: 32 bytes in a file, or a passphrase.
//!
//! An object is a line of JSON (format, the holder's generation, the nonce) and the encrypted content. The line and the
//! object's name are authenticated with it, so that no object passes for another, and none for one of another holder.
//! Contents are compressed first.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::{Entropy, Secret};
use crate::state::StateError;

/// The format of every object that this engine writes.
pub(super) const FORMAT: u32 = 1;
const KEY_LENGTH: usize = 32;

/// scrypt's parameters for new stores: 128 MiB and a few tenths of a second (OWASP Password Storage Cheat Sheet, read
/// 2026-11-28: at least N = 2^17, r = 8, p = 1).
const COST: Cost = Cost { log_n: 17, r: 8, p: 1 };
/// A store's own parameters are trusted up to here: beyond, opening it would only take the machine's memory.
const HIGHEST: Cost = Cost { log_n: 20, r: 16, p: 4 };

/// What the user gives to open a store.
#[derive(Debug, Clone)]
pub enum Key {
    /// 32 random bytes, in base64.
    Bytes(Secret),
    /// A passphrase.
    Passphrase(Secret),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    log_n: u8,
    r: u32,
    p: u32,
}

/// The object `key.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyFile {
    format: u32,
    /// `file` or `passphrase`.
    from: String,
    salt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scrypt: Option<Cost>,
    /// The key of all objects, encrypted: nonce and content in base64.
    wrapped: String,
}

/// The line before an object's content.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    format: u32,
    generation: u64,
    nonce: String,
}

/// Why an object cannot be opened.
#[derive(Debug)]
pub(super) enum Unopened {
    /// It is not what was written.
    Damaged(String),
    /// A newer engine wrote it.
    Newer(u32),
    /// What was given is of another kind than what the store was begun with.
    Key(String),
}

/// An object as it was before it was encrypted.
#[derive(Debug)]
pub(super) struct Opened {
    pub generation: u64,
    pub content: Vec<u8>,
}

/// Encrypts and opens the objects of one store.
pub(super) struct Cipher {
    key: LessSafeKey,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Cipher(…)")
    }
}

impl Key {
    /// The key that encrypts the store's key.
    fn derive(&self, salt: &[u8], cost: Option<Cost>) -> Result<LessSafeKey, String> {
        let mut bytes = Zeroizing::new([0_u8; KEY_LENGTH]);
        match (self, cost) {
            (Self::Bytes(text), None) => {
                let given = Zeroizing::new(
                    STANDARD.decode(text.expose().trim()).map_err(|_| "the key is not base64".to_owned())?,
                );
                if given.len() != KEY_LENGTH {
                    return Err(format!("the key has {} bytes and not {KEY_LENGTH}", given.len()));
                }
                hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
                    .extract(&given)
                    .expand(&[b"engine state key".as_slice()], &AES_256_GCM)
                    .and_then(|expanded| expanded.fill(bytes.as_mut_slice()))
                    .map_err(|_| "the key cannot be used".to_owned())?;
            }
            (Self::Passphrase(text), Some(cost)) => {
                if cost.log_n > HIGHEST.log_n || cost.r > HIGHEST.r || cost.p > HIGHEST.p {
                    return Err("the store asks for more memory than any engine would".to_owned());
                }
                let parameters = scrypt::Params::new(cost.log_n, cost.r, cost.p).map_err(|error| error.to_string())?;
                scrypt::scrypt(text.expose().as_bytes(), salt, &parameters, bytes.as_mut_slice())
                    .map_err(|error| error.to_string())?;
            }
            (Self::Bytes(_), Some(_)) => {
                return Err("the state was begun with a passphrase, and a key was given".to_owned());
            }
            (Self::Passphrase(_), None) => {
                return Err("the state was begun with a key file, and a passphrase was given".to_owned());
            }
        }
        usable(bytes.as_slice())
    }
}

fn usable(bytes: &[u8]) -> Result<LessSafeKey, String> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| "the key has another length".to_owned())
}

fn encrypt(key: &LessSafeKey, about: &[u8], nonce: [u8; NONCE_LEN], content: &mut Vec<u8>) -> Result<(), String> {
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), content)
        .map_err(|_| "it cannot be encrypted".to_owned())
}

impl Cipher {
    /// Makes the key of a new store; gives it and the object `key.json`.
    pub fn begin(given: &Key, entropy: &dyn Entropy) -> Result<(Self, Vec<u8>), String> {
        let (mut salt, mut nonce) = ([0; 16], [0; NONCE_LEN]);
        let mut own = Zeroizing::new([0_u8; KEY_LENGTH]);
        entropy.fill(&mut salt);
        entropy.fill(&mut nonce);
        entropy.fill(own.as_mut_slice());
        let (from, scrypt) = match given {
            Key::Bytes(_) => ("file", None),
            Key::Passphrase(_) => ("passphrase", Some(COST)),
        };
        let mut wrapped = own.to_vec();
        encrypt(&given.derive(&salt, scrypt)?, b"engine state key", nonce, &mut wrapped)?;
        let file = KeyFile {
            format: FORMAT,
            from: from.to_owned(),
            salt: STANDARD.encode(salt),
            scrypt,
            wrapped: STANDARD.encode([nonce.as_slice(), &wrapped].concat()),
        };
        // Texts and numbers; writing them to memory cannot fail.
        let bytes = serde_json::to_vec_pretty(&file).unwrap_or_default();
        Ok((Self { key: usable(own.as_slice())? }, bytes))
    }

    /// The key of a store that is there, from its `key.json`. Nothing if what is given does not open it.
    pub fn open_store(given: &Key, file: &[u8]) -> Result<Option<Self>, Unopened> {
        let damaged = |cause: String| Unopened::Damaged(cause);
        let file: KeyFile = serde_json::from_slice(file).map_err(|error| damaged(error.to_string()))?;
        if file.format > FORMAT {
            return Err(Unopened::Newer(file.format));
        }
        let salt = STANDARD.decode(&file.salt).map_err(|_| damaged("its salt is not base64".to_owned()))?;
        let wrapped = STANDARD.decode(&file.wrapped).map_err(|_| damaged("its key is not base64".to_owned()))?;
        let (nonce, wrapped) =
            wrapped.split_first_chunk::<NONCE_LEN>().ok_or_else(|| damaged("its key is too short".to_owned()))?;
        let outer = given.derive(&salt, file.scrypt).map_err(Unopened::Key)?;
        let mut own = Zeroizing::new(wrapped.to_vec());
        let opened = outer.open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(b"engine state key"),
            own.as_mut_slice(),
        );
        match opened {
            Ok(key) => Ok(Some(Self { key: usable(key).map_err(damaged)? })),
            Err(_) => Ok(None),
        }
    }

    /// An object with this content.
    pub fn seal(&self, name: &str, generation: u64, content: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, String> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let line = Line { format: FORMAT, generation, nonce: STANDARD.encode(nonce) };
        let mut object = serde_json::to_vec(&line).map_err(|error| error.to_string())?;
        object.push(b'\n');
        let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        compressed.write_all(content).map_err(|error| error.to_string())?;
        let mut body = compressed.finish().map_err(|error| error.to_string())?;
        encrypt(&self.key, &about(name, &object), nonce, &mut body)?;
        object.append(&mut body);
        Ok(object)
    }

    /// What was sealed under this name.
    pub fn open(&self, name: &str, object: &[u8]) -> Result<Opened, Unopened> {
        let damaged = |cause: &str| Unopened::Damaged(cause.to_owned());
        let end =
            object.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("its first line is missing"))? + 1;
        let (line, body) = object.split_at(end);
        let told: Line = serde_json::from_slice(line).map_err(|_| damaged("its first line cannot be read"))?;
        if told.format > FORMAT {
            return Err(Unopened::Newer(told.format));
        }
        let nonce = STANDARD.decode(&told.nonce).ok().and_then(|nonce| <[u8; NONCE_LEN]>::try_from(nonce).ok());
        let nonce = nonce.ok_or_else(|| damaged("its first line has no nonce"))?;
        let mut body = body.to_vec();
        let compressed = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(about(name, line)), &mut body)
            .map_err(|_| damaged("it is not what was written"))?;
        let mut content = Vec::new();
        flate2::read::GzDecoder::new(&*compressed)
            .read_to_end(&mut content)
            .map_err(|_| damaged("its content cannot be unpacked"))?;
        Ok(Opened { generation: told.generation, content })
    }
}

/// What is authenticated beside the content.
fn about(name: &str, line: &[u8]) -> Vec<u8> {
    [b"engine state\n", name.as_bytes(), b"\n", line].concat()
}

impl Key {
    /// Whether this can be a key at all, told before anything is asked of a store.
    pub(super) fn check(&self) -> Result<(), StateError> {
        match self {
            Self::Bytes(_) => self.derive(b"", None).map(|_| ()).map_err(StateError::Key),
            Self::Passphrase(text) if text.expose().chars().count() < 12 => {
                Err(StateError::Key("the passphrase has fewer than 12 characters".to_owned()))
            }
            Self::Passphrase(_) => Ok(()),
        }
    }
}
