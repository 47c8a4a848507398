//! aks-engine's cluster id, which is part of most resource names: the same bits, so that its clusters can be adopted.
//!
//! The id is the first number that Go's `math/rand` gives after it was seeded with the FNV-1a hash of the DNS prefix.
//! That generator is an additive lagged Fibonacci one (lags 607 and 273) whose state is filled by a linear
//! congruential one and a table. The first number is the sum of two words of the state, so two words of the
//! table are all that is needed of its 607.
//!
//! Source: Go 1.23, `math/rand/rng.go`; aks-engine f634f52, `pkg/api/types.go`; read 2026-11-22.

/// Words 333 and 606 of the table, each with the number of its state word.
const TABLE: [(usize, i64); 2] = [(333, WORD_333), (606, WORD_606)];
const WORD_333: i64 = -4_633_371_852_008_891_965;
const WORD_606: i64 = 4_152_330_101_494_654_406;

/// The linear congruential generator is advanced so often before the first state word.
const WARM_UP: usize = 20;
/// Each state word takes so many of its numbers.
const NUMBERS_PER_WORD: usize = 3;
/// Its modulus, 2^31 - 1.
const MODULUS: i64 = (1 << 31) - 1;
/// Its multiplier.
const MULTIPLIER: i64 = 48271;
/// The seed that stands in for zero, which the generator could never leave.
const SEED_FOR_ZERO: i64 = 89_482_311;

/// The eight digits that aks-engine derives from a DNS prefix (case counts).
pub fn name_suffix(dns_prefix: &str) -> String {
    let first = first_number(fnv1a(dns_prefix.as_bytes()));
    // At least eight digits, padded with zeros; a longer number loses its end.
    let mut digits = format!("{first:08}");
    digits.truncate(8);
    digits
}

/// The 64-bit FNV-1a hash.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The first `Uint32()` of a generator seeded with `seed`.
fn first_number(seed: u64) -> u32 {
    let seed = match seed.cast_signed().rem_euclid(MODULUS) {
        0 => SEED_FOR_ZERO,
        seed => seed,
    };
    let sum = TABLE.iter().fold(0_i64, |sum, (index, word)| sum.wrapping_add(state_word(seed, *index) ^ word));
    // Of the 64 bits Go drops the sign and takes the upper 32 of the rest.
    u32::try_from((sum & i64::MAX) >> 31).unwrap_or(u32::MAX)
}

/// State word `index` before the table is mixed in.
fn state_word(seed: i64, index: usize) -> i64 {
    let skipped = WARM_UP + index * NUMBERS_PER_WORD;
    let mut numbers = std::iter::successors(Some(seed), |number| Some(number * MULTIPLIER % MODULUS)).skip(skipped + 1);
    let mut next = || numbers.next().unwrap_or_default();
    (next() << 40) ^ (next() << 20) ^ next()
}

#[cfg(test)]
mod tests {
    use super::name_suffix;

    #[test]
    fn gives_the_ids_of_aks_engine() {
        // The first two are aks-engine's own tests' (the second is the name of the first pool, where there is no
        // control plane); `corpus` is what every model of the corpus became; the others were computed with Go 1.23.
        for (dns_prefix, id) in [
            ("foo_master", "24569115"),
            ("foo_agent2", "11729301"),
            ("mycluster", "11161905"),
            ("testcluster", "26621140"),
            ("blueorange", "18280257"),
            ("masterdns1", "31559618"),
            ("a", "41704259"),
            ("", "12857252"),
            ("corpus", "11600910"),
        ] {
            assert_eq!(name_suffix(dns_prefix), id, "{dns_prefix:?}");
        }
    }
}
