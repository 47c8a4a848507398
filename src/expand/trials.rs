//! Clusters expanded, and their graphs looked at.
