//! Facts as data: Kubernetes versions with their component versions, clouds, VM sizes, images, ARM API versions.
//!
//! Every table names its source and the day it was read.

mod clouds;

pub use clouds::{Cloud, CloudFacts};
