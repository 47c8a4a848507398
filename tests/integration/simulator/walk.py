"""Walks every resource of a subscription by Azure's own packages for Python, into their typed models.

Reads one JSON object from standard input: url, tenant, client, secret, subscription. Writes one: how many resources of which
type were walked, and what is wrong with them: a required attribute that is missing, a value of another type than the model
says, a field that the model does not know.
"""

import collections
import json
import sys
import typing

import msal
from azure.core.credentials import AccessToken
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient


# What the real Azure tells, as recorded, although its own packages do not know it.
TOLD_ANYWAY = {"allowBackendPortConflict", "enableDestinationServiceEndpoint"}


class Credential:
    """Tokens by MSAL, which finds the endpoints by discovery."""

    def __init__(self, given):
        self.application = msal.ConfidentialClientApplication(
            given["client"],
            client_credential=given["secret"],
            authority=f"{given['url']}/{given['tenant']}",
            instance_discovery=False,
        )

    def get_token(self, *scopes, **_):
        answer = self.application.acquire_token_for_client(list(scopes))
        if "access_token" not in answer:
            raise RuntimeError(answer.get("error_description"))
        return AccessToken(answer["access_token"], 2**31)


class Judge:
    """Holds what was told against the models."""

    def __init__(self):
        self.faults = []
        self.types = collections.Counter()

    def resource(self, kind, raw, model):
        self.types[kind] += 1
        for name in ("id", "name", "type"):
            if not raw.get(name):
                self.faults.append(f"{kind}: no {name}")
        self.compare(raw, model, kind)

    def compare(self, raw, model, place):
        if isinstance(model, list):
            for raw_item, item in zip(raw, model, strict=True):
                self.compare(raw_item, item, place + "[]")
        elif hasattr(model, "_attr_to_rest_field"):
            self.by_annotations(raw, model, place)
        elif hasattr(model, "_attribute_map"):
            self.by_map(raw, model, place)
        elif isinstance(model, dict) and isinstance(raw, dict):
            for name, value in raw.items():
                if name in model:
                    self.compare(value, model[name], f"{place}.*")

    def by_annotations(self, raw, model, place):
        """Models of the newer kind: attributes with annotations, over the document itself."""
        fields = type(model)._attr_to_rest_field
        known = {field._rest_name for field in fields.values()}
        self.unknown(raw, known, place)
        annotations = {}
        for one in reversed(type(model).__mro__):
            annotations.update(getattr(one, "__annotations__", {}))
        for attribute, field in fields.items():
            value = getattr(model, attribute)
            annotation = annotations.get(attribute)
            options = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Union else (annotation,)
            if value is None:
                if type(None) not in options and "Optional" not in str(annotation):
                    self.faults.append(f"{place}: required {field._rest_name} is missing")
                continue
            wanted = [one for one in options if one in (str, int, bool, float)]
            if wanted and len(options) <= 2 and type(None) in options and not isinstance(value, wanted[0]):
                self.faults.append(f"{place}.{field._rest_name}: {value!r} is no {wanted[0].__name__}")
            if isinstance(raw, dict) and field._rest_name in raw:
                self.compare(raw[field._rest_name], value, f"{place}.{field._rest_name}")

    def by_map(self, raw, model, place):
        """Models of the older kind: a map from attributes to places in the document."""
        validation = getattr(model, "_validation", {})
        known = collections.defaultdict(set)
        for attribute, entry in model._attribute_map.items():
            path = entry["key"].replace("\\.", "\0").split(".")
            path = [part.replace("\0", ".") for part in path]
            for depth, part in enumerate(path):
                known[tuple(path[:depth])].add(part)
            value = getattr(model, attribute)
            if value is None:
                if validation.get(attribute, {}).get("required"):
                    self.faults.append(f"{place}: required {entry['key']} is missing")
                continue
            there = raw
            for part in path:
                there = there.get(part) if isinstance(there, dict) else None
            if there is not None:
                self.compare(there, value, f"{place}.{entry['key']}")
        for path, names in known.items():
            there = raw
            for part in path:
                there = there.get(part) if isinstance(there, dict) else None
            # What the map takes as a whole is told apart further down.
            self.unknown(there, names, ".".join((place, *path)))

    def unknown(self, raw, known, place):
        if isinstance(raw, dict):
            for name in raw:
                if name not in known and name not in TOLD_ANYWAY:
                    self.faults.append(f"{place}: {name} is not known")


def both(response, model, _):
    """What was told, and what the package made of it."""
    return json.loads(response.http_response.text()), model


def main():
    given = json.load(sys.stdin)
    url, subscription = given["url"], given["subscription"]
    credential = Credential(given)
    settings = {"base_url": url, "credential_scopes": [f"{url}/.default"]}
    judge = Judge()

    subscriptions = SubscriptionClient(credential, **settings)
    assert [one.subscription_id for one in subscriptions.subscriptions.list()] == [subscription]
    assert [one.tenant_id for one in subscriptions.tenants.list()] == [given["tenant"]]
    assert any(one.name == "westus2" for one in subscriptions.subscriptions.list_locations(subscription))

    resources = ResourceManagementClient(credential, subscription, **settings)
    compute = ComputeManagementClient(credential, subscription, **settings)
    network = NetworkManagementClient(credential, subscription, **settings)
    identities = ManagedServiceIdentityClient(credential, subscription, **settings)
    vaults = KeyVaultManagementClient(credential, subscription, **settings)
    roles = AuthorizationManagementClient(credential, subscription, **settings)
    locks = ManagementLockClient(credential, subscription, **settings)

    for provider in resources.providers.list():
        assert provider.registration_state == "Registered" and provider.resource_types, provider.namespace
    for group in resources.resource_groups.list():
        judge.resource(group.type, *resources.resource_groups.get(group.name, cls=both))

    readers = {
        "microsoft.compute/availabilitysets": compute.availability_sets.get,
        "microsoft.compute/disks": compute.disks.get,
        "microsoft.compute/virtualmachines": compute.virtual_machines.get,
        "microsoft.compute/virtualmachines/extensions": compute.virtual_machine_extensions.get,
        "microsoft.compute/virtualmachinescalesets": compute.virtual_machine_scale_sets.get,
        "microsoft.keyvault/vaults": vaults.vaults.get,
        "microsoft.managedidentity/userassignedidentities": identities.user_assigned_identities.get,
        "microsoft.network/applicationgateways": network.application_gateways.get,
        "microsoft.network/applicationgatewaywebapplicationfirewallpolicies":
            network.web_application_firewall_policies.get,
        "microsoft.network/loadbalancers": network.load_balancers.get,
        "microsoft.network/natgateways": network.nat_gateways.get,
        "microsoft.network/networkinterfaces": network.network_interfaces.get,
        "microsoft.network/networksecuritygroups": network.network_security_groups.get,
        "microsoft.network/publicipaddresses": network.public_ip_addresses.get,
        "microsoft.network/routetables": network.route_tables.get,
        "microsoft.network/virtualnetworks": network.virtual_networks.get,
    }
    for resource in resources.resources.list():
        kind = resource.type.lower()
        segments = resource.id.split("/")
        group, names = segments[4], segments[8::2]
        raw, model = readers[kind](group, *names, cls=both)
        judge.resource(resource.type, raw, model)
        assert raw["id"].lower() == resource.id.lower() and raw["name"] == names[-1]
        if kind == "microsoft.compute/virtualmachines":
            judge.compare(*compute.virtual_machines.instance_view(group, *names, cls=both), f"{resource.type}/instanceView")
            whole = compute.virtual_machines.get(group, *names, expand="instanceView")
            assert [one.code for one in whole.instance_view.statuses][1] == "PowerState/running"
        if kind == "microsoft.compute/virtualmachinescalesets":
            judge.compare(
                *compute.virtual_machine_scale_sets.get_instance_view(group, *names, cls=both),
                f"{resource.type}/instanceView",
            )
            for instance in compute.virtual_machine_scale_set_vms.list(group, *names):
                where = (group, *names, instance.instance_id)
                judge.resource(instance.type, *compute.virtual_machine_scale_set_vms.get(*where, cls=both))
                view = compute.virtual_machine_scale_set_vms.get_instance_view(*where, cls=both)
                judge.compare(*view, f"{instance.type}/instanceView")
        if kind == "microsoft.network/networksecuritygroups":
            rules = list(network.default_security_rules.list(group, *names))
            assert len(rules) == 6, rules
        if kind == "microsoft.network/virtualnetworks":
            for subnet in network.subnets.list(group, *names):
                judge.resource("subnets", *network.subnets.get(group, *names, subnet.name, cls=both))
    for assignment in roles.role_assignments.list_for_subscription():
        judge.resource(assignment.type, *roles.role_assignments.get_by_id(assignment.id.lstrip("/"), cls=both))
    assert list(locks.management_locks.list_at_subscription_level()) == []
    assert list(compute.usage.list("westus2")) and list(network.usages.list("westus2"))
    assert list(compute.virtual_machine_sizes.list("westus2"))
    sizes = list(compute.resource_skus.list(filter="location eq 'westus2'"))
    assert any(size.name == "Standard_D2s_v3" for size in sizes)
    faults = sorted(collections.Counter(judge.faults).items())
    json.dump({"types": judge.types, "faults": [f"{fault} ({count})" for fault, count in faults]}, sys.stdout)


main()
