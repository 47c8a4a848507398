//! What control-plane machines, workers and instances of scale sets have in common: image, disks, account, interface,
//! tags, and the script that waits for the bootstrap.

use super::ExpandError;
use super::context::{
    CONTROL_PLANE_POOL, Context, WINDOWS_PASSWORD_HANDLE, custom_data, public_key_handle, symbol, tags,
};
use super::identity::awaited_by_script;
use super::security::named;
use crate::catalog::supports_premium_storage;
use crate::contract::KeyVaultSecret;
use crate::graph::{Function, Member, Reference, Resource, Series, Value};
use crate::model::{Caching, Image, NetworkPlugin, OperatingSystem, OsDisk, Priority, Storage, VaultSecrets};

/// The body's `imageReference`, on a pool's machines.
pub(super) fn image(image: &Image, pool: &str) -> Value {
    match image {
        Image::Disk { .. } => Value::sub_resource(Value::id_of(&symbol::of(pool, "image"))),
        Image::Marketplace { publisher, offer, sku, version } => Value::object([
            ("publisher", publisher.as_str().into()),
            ("offer", offer.as_str().into()),
            ("sku", sku.as_str().into()),
            ("version", version.as_str().into()),
        ]),
        Image::Managed { resource_group, name } => {
            let subscription =
                Value::Call(Function::Property, vec![Value::Call(Function::Subscription, Vec::new()), "id".into()]);
            let path = format!("/resourceGroups/{resource_group}/providers/Microsoft.Compute/images/{name}");
            Value::sub_resource(Value::concat([subscription, path.into()]))
        }
        Image::Gallery { subscription_id, resource_group, gallery, name, version } => Value::sub_resource(
            format!(
                "/subscriptions/{subscription_id}/resourceGroups/{resource_group}/providers/Microsoft.Compute\
                 /galleries/{gallery}/images/{name}/versions/{version}"
            )
            .into(),
        ),
    }
}

/// What decides about a machine's disks besides their own settings.
#[derive(Clone, Copy)]
pub(super) struct DiskSettings<'a> {
    pub vm_size: &'a str,
    pub encryption_set: Option<&'a str>,
    /// Whether the disks belong to a scale set, which deletes them with the instance anyway.
    pub in_scale_set: bool,
}

impl DiskSettings<'_> {
    fn managed(&self, context: &Context<'_>) -> Value {
        // Said, because Azure's own choice depends on where the disk is declared.
        let kind = match (supports_premium_storage(self.vm_size), context.is_azure()) {
            (true, _) => "Premium_LRS",
            (false, true) => "StandardSSD_LRS",
            (false, false) => "Standard_LRS",
        };
        let mut managed = Value::object([("storageAccountType", kind.into())]);
        self.encrypt(&mut managed);
        managed
    }

    fn encrypt(&self, managed: &mut Value) {
        if let Some(id) = self.encryption_set {
            managed.insert("diskEncryptionSet", Value::sub_resource(id.into()));
        }
    }

    fn delete_with_machine(&self, context: &Context<'_>, disk: &mut Value) {
        if context.is_azure() && !self.in_scale_set {
            disk.insert("deleteOption", "Delete".into());
        }
    }

    /// The system disk. It goes with the machine.
    pub fn system_disk(&self, context: &Context<'_>, disk: &OsDisk) -> Value {
        let mut value = Value::object([("createOption", "FromImage".into()), ("caching", disk.caching.word().into())]);
        if let Some(size) = disk.size_gib {
            value.insert("diskSizeGB", size.into());
        }
        if disk.storage == Storage::Ephemeral {
            value.insert("diffDiskSettings", Value::object([("option", "Local".into())]));
            let mut managed = Value::object([]);
            self.encrypt(&mut managed);
            if self.encryption_set.is_some() {
                value.insert("managedDisk", managed);
            }
        } else {
            value.insert("managedDisk", self.managed(context));
        }
        self.delete_with_machine(context, &mut value);
        value
    }

    /// An empty data disk. One that shall outlive the machine has a name by which the next machine finds it.
    pub fn data_disk(
        &self,
        context: &Context<'_>,
        lun: u32,
        size_gib: u32,
        caching: Caching,
        lasting_name: Option<Value>,
    ) -> Value {
        let mut value = Value::object([]);
        let lasting = lasting_name.is_some();
        if let Some(name) = lasting_name {
            value.insert("name", name);
        }
        value.insert("lun", lun.into());
        value.insert("createOption", "Empty".into());
        value.insert("caching", caching.word().into());
        value.insert("diskSizeGB", size_gib.into());
        value.insert("managedDisk", self.managed(context));
        if !lasting {
            self.delete_with_machine(context, &mut value);
        }
        value
    }
}

/// A pool as machines see it.
#[derive(Clone, Copy)]
pub(super) struct MachineKind<'a> {
    pub pool: &'a str,
    pub operating_system: OperatingSystem,
    pub tags: &'a std::collections::BTreeMap<String, String>,
}

impl MachineKind<'_> {
    /// The body's `osProfile`, with the name under `field` (`computerName`, or `computerNamePrefix` in a scale set).
    pub fn system_profile(&self, context: &Context<'_>, field: &str, name: Value) -> Value {
        let mut profile = Value::object([(field, name)]);
        match (self.operating_system, &context.cluster.windows) {
            (OperatingSystem::Windows, Some(windows)) => {
                profile.insert("adminUsername", windows.admin_username.as_str().into());
                profile.insert("adminPassword", Value::secret(WINDOWS_PASSWORD_HANDLE));
                profile.insert("customData", custom_data(context.cluster, self.pool));
                let settings = Value::object([
                    ("provisionVMAgent", true.into()),
                    ("enableAutomaticUpdates", windows.automatic_updates.into()),
                ]);
                profile.insert("windowsConfiguration", settings);
                vault_secrets(&windows.vault_secrets, &mut profile);
            }
            _ => {
                let linux = &context.cluster.linux;
                profile.insert("adminUsername", linux.admin_username.as_str().into());
                profile.insert("customData", custom_data(context.cluster, self.pool));
                let keys = linux.ssh_public_keys.iter().enumerate().map(|(index, key)| public_key(index, key));
                profile.insert("linuxConfiguration", ssh_only(&linux.admin_username, keys));
                vault_secrets(&linux.vault_secrets, &mut profile);
            }
        }
        profile
    }

    /// The machine's tags: those by which scale and upgrade find it, and the model's.
    pub fn tags(&self, context: &Context<'_>, name: Value) -> Value {
        let source = match name {
            Value::Call(Function::Concat, parts) => {
                let mut parts = parts.into_iter();
                match parts.next() {
                    Some(Value::String(first)) => {
                        Value::concat([format!("aksengine-{first}").into()].into_iter().chain(parts))
                    }
                    first => Value::concat(["aksengine-".into()].into_iter().chain(first).chain(parts)),
                }
            }
            Value::String(name) => format!("aksengine-{name}").into(),
            name => Value::concat(["aksengine-".into(), name]),
        };
        let mut all = context.cluster.tags.clone();
        all.extend(self.tags.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut all = tags(&all);
        all.insert("aksEngineVersion", env!("CARGO_PKG_VERSION").into());
        all.insert("creationSource", source);
        all.insert("orchestrator", format!("Kubernetes:{}", context.cluster.kubernetes_version).into());
        all.insert("poolName", self.pool.into());
        all.insert("resourceNameSuffix", context.names.suffix_tag(self.operating_system).into());
        all
    }

    /// The CustomScript's properties: it waits for the bootstrap's result and fails with its cause. The command is no
    /// secret, so that anybody can read what runs.
    pub fn script(&self, context: &Context<'_>) -> Value {
        let (publisher, kind, version, command) = match self.operating_system {
            OperatingSystem::Linux => {
                ("Microsoft.Azure.Extensions", "CustomScript", "2.0", &context.payloads.wait_command)
            }
            OperatingSystem::Windows => {
                ("Microsoft.Compute", "CustomScriptExtension", "1.10", &context.payloads.windows_wait_command)
            }
        };
        Value::object([
            ("publisher", publisher.into()),
            ("type", kind.into()),
            ("typeHandlerVersion", version.into()),
            ("autoUpgradeMinorVersion", true.into()),
            ("settings", Value::object([("commandToExecute", command.as_str().into())])),
        ])
    }

    /// The script on each machine of a series, `cse-master-N` or `cse-agent-N`. It waits for the role of its machine.
    pub fn script_resource(&self, context: &Context<'_>, series: Series) -> Result<Resource, ExpandError> {
        let machine = Reference::attribute(&symbol::of(self.pool, "machine"), &["name"]).of(Member::SameIndex);
        let kind = if self.pool == CONTROL_PLANE_POOL { "master" } else { "agent" };
        let name = Value::concat([machine.into(), format!("/cse-{kind}-").into(), Value::index()]);
        let extension = "Microsoft.Compute/virtualMachines/extensions";
        let mut resource = context
            .resource(&symbol::of(self.pool, "script"), extension, name)?
            .properties(self.script(context))
            .in_series(series);
        resource.after = awaited_by_script(context, self.pool);
        Ok(resource)
    }
}

/// Fields of a machine that tell how it was made. They are given once: a newer engine, or a version that the machine does
/// not have yet, changes nothing about it.
pub(super) fn given_once() -> Vec<std::sync::Arc<str>> {
    vec!["/tags/aksEngineVersion".into(), "/tags/orchestrator".into()]
}

/// Certificates that Azure puts on the machine: on Linux into `/var/lib/waagent`, on Windows into a store.
fn vault_secrets(secrets: &[VaultSecrets], profile: &mut Value) {
    if secrets.is_empty() {
        return;
    }
    let secrets = secrets.iter().map(|secrets| {
        let certificates = secrets.certificates.iter().map(|certificate| {
            let mut value = Value::object([("certificateUrl", certificate.url.as_str().into())]);
            if let Some(store) = &certificate.store {
                value.insert("certificateStore", store.as_str().into());
            }
            value
        });
        Value::object([
            ("sourceVault", Value::sub_resource(secrets.vault_id.as_str().into())),
            ("vaultCertificates", Value::array(certificates)),
        ])
    });
    profile.insert("secrets", Value::array(secrets));
}

/// An administrator's public key: itself, or by its handle if it lies in a key vault.
fn public_key(index: usize, key: &str) -> Value {
    match KeyVaultSecret::of_text(key) {
        Some(_) => Value::secret(&public_key_handle(index)),
        None => key.into(),
    }
}

/// An account with keys and without a password.
pub(super) fn ssh_only(user: &str, keys: impl IntoIterator<Item = Value>) -> Value {
    let path = format!("/home/{user}/.ssh/authorized_keys");
    let keys = keys.into_iter().map(|key| Value::object([("path", path.as_str().into()), ("keyData", key)]));
    Value::object([
        ("disablePasswordAuthentication", true.into()),
        ("ssh", Value::object([("publicKeys", Value::array(keys))])),
    ])
}

/// How a machine is paid for, in a machine's or a scale set's properties.
pub(super) fn priority(priority: &Priority, profile: &mut Value) {
    if let Priority::Spot { deallocate, max_price } = priority {
        profile.insert("priority", "Spot".into());
        profile.insert("evictionPolicy", if *deallocate { "Deallocate" } else { "Delete" }.into());
        // A whole number (-1 above all) is written as one.
        let price =
            if max_price.fract() == 0.0 { serde_json::json!(*max_price as i64) } else { serde_json::json!(max_price) };
        profile.insert("billingProfile", Value::object([("maxPrice", price.into())]));
    }
}

/// The node's own IPv6 address, in a cluster of two address families. Its interface's first has to be an IPv4 one.
pub(super) fn ipv6_configuration(context: &Context<'_>, name: &str, subnet: &Value) -> Option<Value> {
    let properties = Value::object([
        ("primary", false.into()),
        ("privateIPAddressVersion", "IPv6".into()),
        ("subnet", subnet.clone()),
    ]);
    context.cluster.network.ipv6.map(|_| named(name, properties))
}

/// An interface's addresses: the first is the node's own, the others are its pods' (Azure CNI), the last is of IPv6.
pub(super) fn ip_configurations(context: &Context<'_>, count: u32, subnet: &Value, first: Value) -> Value {
    let configurations = (1..=count.max(1)).map(|number| {
        if number == 1 {
            return named("ipconfig1", first.clone());
        }
        let properties = Value::object([
            ("primary", false.into()),
            ("privateIPAllocationMethod", "Dynamic".into()),
            ("subnet", subnet.clone()),
        ]);
        named(format!("ipconfig{number}"), properties)
    });
    Value::array(configurations.chain(ipv6_configuration(context, "ipconfigv6", subnet)))
}

/// What an interface has besides its addresses.
pub(super) fn interface_settings(context: &Context<'_>, accelerated: bool, properties: &mut Value) {
    properties.insert("enableAcceleratedNetworking", accelerated.into());
    // Pods' packets carry addresses that are not the interface's own, except with Azure CNI.
    let forwards = context.cluster.network.plugin != NetworkPlugin::Azure;
    properties.insert("enableIPForwarding", forwards.into());
    if let Some(server) = context.cluster.linux.dns_server {
        let servers = Value::array([server.to_string().into()]);
        properties.insert("dnsSettings", Value::object([("dnsServers", servers)]));
    }
    if context.has_given_network() {
        let group = Value::sub_resource(Value::id_of(symbol::SECURITY_GROUP));
        properties.insert("networkSecurityGroup", group);
    }
}
