//! The rows of Microsoft.Network.

use super::provider::{Absence, BackReference, Behaviour, Deletion, PLAIN, Provider, Signal, Style};

const BASE: Provider = Provider {
    signal: Signal::Operation,
    style: Style::Network,
    states: Some(("Updating", "Updating")),
    retry_after: (3, 10),
    deletion: Deletion::Later,
    etag: true,
    resource_guid: true,
    absence: Absence::Gateway,
    ..PLAIN
};

const fn many(holder: &'static str, property: &'static str, from: &'static str) -> BackReference {
    BackReference { holder, property, from, many: true }
}

const fn one(holder: &'static str, property: &'static str, from: &'static str) -> BackReference {
    BackReference { holder, property, from, many: false }
}

pub(super) const NETWORK: &[Provider] = &[
    Provider {
        resource_type: "Microsoft.Network/virtualNetworks",
        behaviour: Behaviour::VirtualNetwork,
        seconds: (4.0, 4.0, 10.0),
        children: &["subnets"],
        defaults: &[
            ("/properties/subnets", "[]"),
            ("/properties/virtualNetworkPeerings", "[]"),
            ("/properties/enableDdosProtection", "false"),
            ("/properties/subnets/*/properties/delegations", "[]"),
            ("/properties/subnets/*/properties/privateEndpointNetworkPolicies", "\"Disabled\""),
            ("/properties/subnets/*/properties/privateLinkServiceNetworkPolicies", "\"Enabled\""),
        ],
        back_references: &[
            many("subnets", "ipConfigurations", "ipConfigurations"),
            many("subnets", "ipConfigurations", "frontendIPConfigurations"),
        ],
        ..BASE
    },
    Provider {
        resource_type: "Microsoft.Network/networkSecurityGroups",
        behaviour: Behaviour::SecurityGroup,
        seconds: (3.0, 3.0, 10.0),
        children: &["securityRules", "defaultSecurityRules"],
        defaults: &[
            ("/properties/securityRules", "[]"),
            ("/properties/securityRules/*/properties/sourcePortRanges", "[]"),
            ("/properties/securityRules/*/properties/destinationPortRanges", "[]"),
            ("/properties/securityRules/*/properties/sourceAddressPrefixes", "[]"),
            ("/properties/securityRules/*/properties/destinationAddressPrefixes", "[]"),
        ],
        server_owned: &["/properties/defaultSecurityRules"],
        back_references: &[many("", "networkInterfaces", "networkInterfaces"), many("", "subnets", "subnets")],
        ..BASE
    },
    Provider {
        resource_type: "Microsoft.Network/routeTables",
        seconds: (3.0, 3.0, 10.0),
        retry_after: (2, 10),
        children: &["routes"],
        defaults: &[
            ("/properties/disableBgpRoutePropagation", "false"),
            ("/properties/routes", "[]"),
            ("/properties/routes/*/properties/hasBgpOverride", "false"),
        ],
        back_references: &[many("", "subnets", "subnets")],
        ..BASE
    },
    Provider {
        resource_type: "Microsoft.Network/publicIPAddresses",
        behaviour: Behaviour::PublicAddress,
        seconds: (2.0, 2.0, 10.0),
        retry_after: (1, 10),
        defaults: &[
            ("/properties/publicIPAddressVersion", "\"IPv4\""),
            ("/properties/publicIPAllocationMethod", "\"Dynamic\""),
            ("/properties/idleTimeoutInMinutes", "4"),
            ("/properties/ipTags", "[]"),
            ("/sku", "{\"name\":\"Basic\"}"),
            ("/sku/tier", "\"Regional\""),
        ],
        // The address itself comes when the operation ends.
        server_owned: &["/properties/ipAddress", "/properties/dnsSettings/fqdn"],
        kept: &["/properties/ipAddress", "/properties/dnsSettings/fqdn"],
        back_references: &[
            one("", "ipConfiguration", "ipConfigurations"),
            one("", "ipConfiguration", "frontendIPConfigurations"),
            one("", "natGateway", "natGateways"),
        ],
        ..BASE
    },
    Provider {
        resource_type: "Microsoft.Network/loadBalancers",
        behaviour: Behaviour::LoadBalancer,
        seconds: (2.0, 2.0, 10.0),
        retry_after: (0, 10),
        states: Some(("Succeeded", "Succeeded")),
        children: &[
            "frontendIPConfigurations",
            "backendAddressPools",
            "loadBalancingRules",
            "probes",
            "inboundNatRules",
            "outboundRules",
            "inboundNatPools",
        ],
        defaults: &[
            ("/properties/frontendIPConfigurations", "[]"),
            ("/properties/backendAddressPools", "[]"),
            ("/properties/loadBalancingRules", "[]"),
            ("/properties/probes", "[]"),
            ("/properties/inboundNatRules", "[]"),
            ("/properties/outboundRules", "[]"),
            ("/properties/inboundNatPools", "[]"),
            ("/properties/frontendIPConfigurations/*/properties/privateIPAllocationMethod", "\"Dynamic\""),
            ("/properties/loadBalancingRules/*/properties/idleTimeoutInMinutes", "4"),
            ("/properties/loadBalancingRules/*/properties/enableFloatingIP", "false"),
            ("/properties/loadBalancingRules/*/properties/enableTcpReset", "false"),
            ("/properties/loadBalancingRules/*/properties/enableDestinationServiceEndpoint", "false"),
            ("/properties/loadBalancingRules/*/properties/allowBackendPortConflict", "false"),
            ("/properties/loadBalancingRules/*/properties/loadDistribution", "\"Default\""),
            ("/properties/inboundNatRules/*/properties/protocol", "\"Tcp\""),
            ("/properties/inboundNatRules/*/properties/idleTimeoutInMinutes", "4"),
            ("/properties/inboundNatRules/*/properties/enableFloatingIP", "false"),
            ("/properties/inboundNatRules/*/properties/enableTcpReset", "false"),
            ("/properties/inboundNatRules/*/properties/enableDestinationServiceEndpoint", "false"),
            ("/properties/inboundNatRules/*/properties/allowBackendPortConflict", "false"),
            ("/properties/inboundNatPools/*/properties/idleTimeoutInMinutes", "4"),
            ("/properties/inboundNatPools/*/properties/enableFloatingIP", "false"),
            ("/properties/inboundNatPools/*/properties/enableTcpReset", "false"),
            ("/properties/inboundNatPools/*/properties/enableDestinationServiceEndpoint", "false"),
            ("/properties/inboundNatPools/*/properties/allowBackendPortConflict", "false"),
            ("/properties/probes/*/properties/intervalInSeconds", "15"),
            ("/properties/probes/*/properties/numberOfProbes", "2"),
            ("/properties/outboundRules/*/properties/idleTimeoutInMinutes", "4"),
            ("/properties/outboundRules/*/properties/allocatedOutboundPorts", "0"),
            ("/sku", "{\"name\":\"Basic\"}"),
            ("/sku/tier", "\"Regional\""),
        ],
        back_references: &[
            many("frontendIPConfigurations", "loadBalancingRules", "loadBalancingRules"),
            many("frontendIPConfigurations", "inboundNatRules", "inboundNatRules"),
            many("frontendIPConfigurations", "inboundNatPools", "inboundNatPools"),
            many("frontendIPConfigurations", "outboundRules", "outboundRules"),
            many("backendAddressPools", "backendIPConfigurations", "ipConfigurations"),
            many("backendAddressPools", "loadBalancingRules", "loadBalancingRules"),
            many("backendAddressPools", "outboundRules", "outboundRules"),
            many("probes", "loadBalancingRules", "loadBalancingRules"),
            one("inboundNatRules", "backendIPConfiguration", "ipConfigurations"),
        ],
        ..BASE
    },
    Provider {
        resource_type: "Microsoft.Network/networkInterfaces",
        behaviour: Behaviour::NetworkInterface,
        signal: Signal::OperationMostly,
        seconds: (2.0, 2.0, 10.0),
        retry_after: (0, 10),
        states: Some(("Succeeded", "Succeeded")),
        children: &["ipConfigurations"],
        defaults: &[
            ("/properties/ipConfigurations/*/properties/privateIPAllocationMethod", "\"Dynamic\""),
            ("/properties/ipConfigurations/*/properties/privateIPAddressVersion", "\"IPv4\""),
            ("/properties/dnsSettings", "{}"),
            ("/properties/dnsSettings/dnsServers", "[]"),
            ("/properties/dnsSettings/appliedDnsServers", "[]"),
            ("/properties/enableAcceleratedNetworking", "false"),
            ("/properties/vnetEncryptionSupported", "false"),
            ("/properties/enableIPForwarding", "false"),
            ("/properties/hostedWorkloads", "[]"),
            ("/properties/tapConfigurations", "[]"),
            ("/properties/nicType", "\"Standard\""),
        ],
        server_owned: &[
            "/properties/macAddress",
            "/properties/primary",
            "/properties/dnsSettings/internalDomainNameSuffix",
        ],
        back_references: &[one("", "virtualMachine", "virtualMachines")],
        ..BASE
    },
    Provider {
        resource_type: "Microsoft.Network/applicationGateways",
        seconds: (300.0, 60.0, 120.0),
        children: &[
            "gatewayIPConfigurations",
            "frontendIPConfigurations",
            "frontendPorts",
            "backendAddressPools",
            "backendHttpSettingsCollection",
            "httpListeners",
            "requestRoutingRules",
        ],
        defaults: &[
            ("/properties/backendHttpSettingsCollection/*/properties/cookieBasedAffinity", "\"Disabled\""),
            ("/properties/backendHttpSettingsCollection/*/properties/requestTimeout", "30"),
            ("/properties/frontendIPConfigurations/*/properties/privateIPAllocationMethod", "\"Dynamic\""),
            ("/properties/httpListeners/*/properties/requireServerNameIndication", "false"),
        ],
        server_owned: &["/properties/operationalState"],
        ..BASE
    },
    Provider {
        resource_type: "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies",
        resource_guid: false,
        seconds: (3.0, 3.0, 10.0),
        back_references: &[many("", "applicationGateways", "applicationGateways")],
        ..BASE
    },
    Provider {
        resource_type: "Microsoft.Network/natGateways",
        seconds: (11.0, 5.0, 10.0),
        retry_after: (10, 10),
        defaults: &[
            ("/properties/idleTimeoutInMinutes", "4"),
            ("/sku", "{\"name\":\"Standard\"}"),
            ("/sku/tier", "\"Regional\""),
        ],
        back_references: &[many("", "subnets", "subnets")],
        ..BASE
    },
];
