//! What runs in the machines, checked from outside: goldens, the field's own tools, and the scripts run for real
//! against recording stand-ins for kubeadm, kubectl, apt and systemd.

mod configured;
mod extension;
mod fixture;
mod golden;
mod on_prem;
mod private_root;
mod rendered;
mod scripts;
mod tools;
mod upkeep;
pub mod windows;
