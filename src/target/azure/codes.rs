//! Azure's error codes as data: what each means for the engine, and what a person can do about it.
//!
//! Sources: the recorded traffic that the tests read; learn.microsoft.com, "Resolve common ARM deployment errors",
//! "Troubleshoot allocation failures" and the Network and Compute REST error lists; read 2026-11-21.

use crate::contract::FaultClass;

/// What one code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CodeFacts {
    /// The code.
    pub(super) code: &'static str,
    /// The class.
    pub(super) class: FaultClass,
    /// Whether it only wraps or summarises: a more telling code above or below it wins.
    pub(super) vague: bool,
    /// The remedy; empty where the message says it all. `{namespace}` stands for the provider the message names.
    pub(super) help: &'static str,
}

const fn code(code: &'static str, class: FaultClass, help: &'static str) -> CodeFacts {
    CodeFacts { code, class, vague: false, help }
}

const fn vague(code: &'static str, class: FaultClass, help: &'static str) -> CodeFacts {
    CodeFacts { code, class, vague: true, help }
}

const WAIT_FOR_OTHER: &str = "Another operation is at work on it or on what it refers to; it is tried again.";
const IN_USE: &str = "Something still uses it, as the message says. What was just deleted lets go within minutes; what is somebody \
     else's has to be detached or deleted first.";
const MORE_QUOTA: &str = "Ask for more quota (Azure portal: Quotas; or `az quota update`), take fewer or smaller machines, or another region.";
const NO_ROOM: &str = "Take another size, zone or region, or try again later.";
const SCRIPT_FAILED: &str =
    "Read the machine's own log: /var/log/azure/cluster-provision.log and /var/log/cloud-init-output.log.";

/// The table. Letter case does not count in a look-up.
pub(super) const CODES: &[CodeFacts] = {
    use FaultClass::{
        Authentication, Busy, Capacity, Conflict, Failed, Forbidden, Invalid, NotFound, NotYet, Quota, Throttled,
        Transient,
    };
    &[
        // Wait, then again.
        code("TooManyRequests", Throttled, "The cloud's limit for this kind of request is reached; it is tried again."),
        code("SubscriptionRequestsThrottled", Throttled, "The subscription's limit is reached; it is tried again."),
        code("OperationTooManyRequests", Throttled, ""),
        vague("RetryableError", Busy, WAIT_FOR_OTHER),
        code("RetryableErrorDueToAnotherOperation", Busy, WAIT_FOR_OTHER),
        code("ReferencedResourceNotProvisioned", Busy, WAIT_FOR_OTHER),
        code("AnotherOperationInProgress", Busy, WAIT_FOR_OTHER),
        code("CanceledAndSupersededDueToAnotherOperation", Busy, WAIT_FOR_OTHER),
        code("OperationPreempted", Busy, WAIT_FOR_OTHER),
        code("OperationPreemptedByMoreRecentOperation", Busy, WAIT_FOR_OTHER),
        code("StorageAccountIsNotProvisioned", Busy, WAIT_FOR_OTHER),
        code("StorageAccountOperationInProgress", Busy, WAIT_FOR_OTHER),
        code("ResourceGroupBeingDeleted", Busy, "Wait until the group is gone, or use another group."),
        code("DeploymentActive", Busy, WAIT_FOR_OTHER),
        code("DeploymentActiveAndUneditable", Busy, WAIT_FOR_OTHER),
        code("AttachDiskWhileBeingDetached", Busy, WAIT_FOR_OTHER),
        code("NicInUse", Busy, IN_USE),
        code("NicReservedForAnotherVm", Busy, IN_USE),
        code("InUseSubnetCannotBeDeleted", Busy, IN_USE),
        code("InUseNetworkSecurityGroupCannotBeDeleted", Busy, IN_USE),
        code("InUseRouteTableCannotBeDeleted", Busy, IN_USE),
        code("InUseNatGatewayCannotBeDeleted", Busy, IN_USE),
        code("PublicIPAddressCannotBeDeleted", Busy, IN_USE),
        code("PublicIPAddressInUse", Busy, IN_USE),
        code("LoadBalancerInUseByVirtualMachineScaleSet", Busy, IN_USE),
        code("AvailabilitySetCannotBeDeleted", Busy, IN_USE),
        code(
            "PrincipalNotFound",
            NotYet,
            "A new principal is known everywhere after a minute or two; it is tried again.",
        ),
        code("ServerTimeout", Transient, ""),
        code("GatewayTimeout", Transient, ""),
        code("BadGateway", Transient, ""),
        code("ServiceUnavailable", Transient, ""),
        code("OperationTimedOut", Transient, ""),
        vague("InternalServerError", Transient, ""),
        vague("InternalError", Transient, ""),
        vague("InternalExecutionError", Transient, ""),
        vague("InternalOperationError", Transient, ""),
        code("NetworkingInternalOperationError", Transient, ""),
        // Somebody else changed it.
        code("PreconditionFailed", Conflict, "It was changed since it was read; it is read and compared again."),
        code("ConditionNotMet", Conflict, "It was changed since it was read; it is read and compared again."),
        vague("Conflict", Conflict, ""),
        // Nothing there.
        code("ResourceNotFound", NotFound, ""),
        code("ResourceGroupNotFound", NotFound, "Create the group, or check its name and the subscription."),
        code("ParentResourceNotFound", NotFound, ""),
        code("RoleAssignmentNotFound", NotFound, ""),
        code("DeletedVaultNotFound", NotFound, ""),
        code("DeploymentNotFound", NotFound, ""),
        vague("NotFound", NotFound, ""),
        // Used up.
        code("QuotaExceeded", Quota, MORE_QUOTA),
        code("ResourceQuotaExceeded", Quota, MORE_QUOTA),
        code("PublicIPCountLimitReached", Quota, MORE_QUOTA),
        code("PublicIPStandardSkuCountLimitReached", Quota, MORE_QUOTA),
        code("NetworkInterfaceCountExceeded", Quota, MORE_QUOTA),
        code("MaxStorageAccountsCountPerSubscriptionExceeded", Quota, MORE_QUOTA),
        code("RoleAssignmentLimitExceeded", Quota, "Remove role assignments that nobody needs."),
        code("SubnetIsFull", Quota, "Take a larger subnet, or one more pool with a subnet of its own."),
        // No room.
        code(
            "SkuNotAvailable",
            Capacity,
            "See `az vm list-skus --location <region> --all` for sizes on offer; take another size, zone or region.",
        ),
        code("AllocationFailed", Capacity, NO_ROOM),
        code("ZonalAllocationFailed", Capacity, NO_ROOM),
        code(
            "OverconstrainedAllocationRequest",
            Capacity,
            "Ask for less at once: drop the zone, the placement group or accelerated networking, or take another size.",
        ),
        code(
            "OverconstrainedZonalAllocationRequest",
            Capacity,
            "Drop the zone or another constraint, or take another size.",
        ),
        code("SpotAllocationFailed", Capacity, NO_ROOM),
        // Not allowed.
        code(
            "AuthorizationFailed",
            Forbidden,
            "Give the identity the role that the message asks for (Contributor; for role assignments also User Access \
             Administrator). A role that was just given takes effect within minutes.",
        ),
        code(
            "LinkedAuthorizationFailed",
            Forbidden,
            "The identity also needs rights on the resource that this one refers to.",
        ),
        code("LinkedInvalidPropertyId", Invalid, "An id in the body is not a whole one; see the message."),
        code(
            "RequestDisallowedByPolicy",
            Forbidden,
            "A policy forbids it: change the model so that it complies, or ask its owner for an exemption.",
        ),
        code("RequestDisallowedByAzure", Forbidden, "This subscription may not use this region or type; take another."),
        code("ScopeLocked", Forbidden, "Remove the lock (`az lock list`), or ask whoever set it."),
        code("ReadOnlyDisabledSubscription", Forbidden, "The subscription is disabled; enable it or use another."),
        code("DisallowedOperation", Forbidden, "The subscription may not do this; ask its owner."),
        code(
            "SubscriptionNotFound",
            Forbidden,
            "Check the subscription's id, and that the identity may see it (`az account list`).",
        ),
        code("InvalidSubscriptionId", Invalid, "A subscription's id is a GUID (`az account list`)."),
        code(
            "SubscriptionNotRegistered",
            Forbidden,
            "Register the provider: `az provider register --namespace {namespace} --wait`.",
        ),
        code(
            "MissingSubscriptionRegistration",
            Forbidden,
            "Register the provider: `az provider register --namespace {namespace} --wait`.",
        ),
        code(
            "MissingRegistrationForLocation",
            Forbidden,
            "Register the provider again: `az provider register --namespace {namespace} --wait`.",
        ),
        code(
            "MarketplacePurchaseEligibilityFailed",
            Forbidden,
            "Accept the image's terms: `az vm image terms accept --urn <urn>`.",
        ),
        code(
            "ResourcePurchaseValidationFailed",
            Forbidden,
            "Accept the image's terms: `az vm image terms accept --urn <urn>`.",
        ),
        // The token.
        code(
            "InvalidAuthenticationToken",
            Authentication,
            "Check the credentials, and that this machine's clock is right.",
        ),
        code(
            "ExpiredAuthenticationToken",
            Authentication,
            "No other token was to be had: sign in anew, and check that this machine's clock is right.",
        ),
        code(
            "InvalidAuthenticationTokenTenant",
            Authentication,
            "The subscription belongs to another tenant: check tenant and subscription.",
        ),
        code(
            "InvalidAuthenticationTokenAudience",
            Authentication,
            "Check the cloud, and the audience if one was given.",
        ),
        code("AuthenticationFailed", Authentication, "Check the credentials."),
        code("AuthenticationFailedMissingToken", Authentication, "Check the credentials."),
        // Wrong, and wrong again.
        code(
            "InvalidResourceReference",
            Invalid,
            "What the message names does not exist; create it, or correct its id.",
        ),
        code("InvalidRequestFormat", Invalid, ""),
        code("InvalidRequestContent", Invalid, ""),
        code("InvalidParameter", Invalid, "See the parameter that the message names."),
        code("InvalidTemplate", Invalid, ""),
        vague("InvalidTemplateDeployment", Invalid, ""),
        code("InvalidDeploymentLocation", Invalid, ""),
        code("InvalidResourceType", Invalid, "The provider does not know this type or version in this cloud."),
        code("InvalidResourceNamespace", Invalid, "This cloud has no such provider."),
        code(
            "InvalidApiVersionParameter",
            Invalid,
            "This cloud does not know the version; see the ones the message lists.",
        ),
        code("MissingApiVersionParameter", Invalid, ""),
        code("NoRegisteredProviderFound", Invalid, "See the regions and versions that the message lists."),
        code("LocationRequired", Invalid, "Give a location."),
        code("LocationNotAvailableForResourceType", Invalid, "Take one of the regions that the message lists."),
        code("LocationNotAvailableForResourceGroup", Invalid, "Take one of the regions that the message lists."),
        code(
            "InvalidResourceLocation",
            Invalid,
            "It exists in another region already: delete it there, or take another name.",
        ),
        code(
            "InvalidResourceGroupLocation",
            Invalid,
            "The group exists in another region already: give that one, or take another name.",
        ),
        code(
            "PropertyChangeNotAllowed",
            Invalid,
            "It cannot be changed on a resource that exists: keep it, or replace the resource.",
        ),
        code("PrivateIPAddressNotInAnySubnet", Invalid, "Give an address of the subnet."),
        code(
            "PrivateIPAddressInReservedRange",
            Invalid,
            "Azure keeps the first four and the last address of a subnet.",
        ),
        code("PrivateIPAddressNotInSubnet", Invalid, "Give an address of the subnet."),
        code("PrivateIPAddressInUse", Invalid, "Give another address."),
        code("SubnetsHaveNoServiceEndpointsConfigured", Invalid, ""),
        code("NetcfgSubnetRangesOverlap", Invalid, "Give the subnets ranges that do not overlap."),
        code("NetcfgInvalidSubnet", Invalid, "Give the subnet a range within its network."),
        code("DnsRecordInUse", Invalid, "Take another DNS prefix: this one is somebody's in the region."),
        code("AccountNameInvalid", Invalid, "3 to 24 lower-case letters and digits."),
        code("StorageAccountAlreadyTaken", Invalid, "Take another name: this one is somebody's, anywhere in Azure."),
        code("VaultAlreadyExists", Invalid, "Take another name, or recover or purge the deleted vault of this name."),
        code(
            "FailedIdentityOperation",
            Invalid,
            "See the identity that the message names: it must exist, and the caller may assign it.",
        ),
        code(
            "RoleAssignmentExists",
            Invalid,
            "The same role is given under another name already: delete that assignment.",
        ),
        code(
            "RoleAssignmentUpdateNotPermitted",
            Invalid,
            "An assignment cannot be changed: delete it and make another.",
        ),
        code("ImageNotFound", Invalid, "Check publisher, offer, SKU and version: `az vm image list --all`."),
        code("PlatformImageNotFound", Invalid, "Check publisher, offer, SKU and version: `az vm image list --all`."),
        vague("BadRequest", Invalid, ""),
        // It failed by itself.
        code("VMExtensionProvisioningError", Failed, SCRIPT_FAILED),
        code("VMExtensionHandlerNonTransientError", Failed, SCRIPT_FAILED),
        code("VMExtensionProvisioningTimeout", Failed, SCRIPT_FAILED),
        code(
            "VMAgentStatusCommunicationError",
            Failed,
            "The machine's agent does not report: see the machine's boot diagnostics.",
        ),
        code(
            "OSProvisioningTimedOut",
            Failed,
            "The machine did not report in time: see its boot diagnostics; then delete and deploy again.",
        ),
        code("OSProvisioningClientError", Failed, "The machine could not be set up: see its boot diagnostics."),
        code("OSProvisioningInternalError", Failed, "Delete the machine and deploy again."),
        code("VMStartTimedOut", Failed, "Delete the machine and deploy again."),
        vague("ResourceDeploymentFailure", Failed, "See the operations of the deployment that the message names."),
        vague(
            "DeploymentFailed",
            Failed,
            "See the operations of the deployment: `az deployment operation group list`.",
        ),
        vague("Failed", Failed, ""),
        vague("Canceled", Failed, "Somebody cancelled it; deploy again."),
    ]
};

/// What is known of a code, given the message that came with it: one code means different things.
pub(super) fn facts(code: &str, message: &str) -> Option<CodeFacts> {
    if code.eq_ignore_ascii_case("OperationNotAllowed") {
        return Some(operation_not_allowed(message));
    }
    CODES.iter().find(|facts| facts.code.eq_ignore_ascii_case(code)).copied()
}

/// Compute's word for three different things.
fn operation_not_allowed(message: &str) -> CodeFacts {
    let message = message.to_ascii_lowercase();
    if message.contains("quota") || message.contains("exceeding approved") {
        code("OperationNotAllowed", FaultClass::Quota, MORE_QUOTA)
    } else if message.contains("is attached to") || message.contains("in use") || message.contains("being deleted") {
        code("OperationNotAllowed", FaultClass::Busy, IN_USE)
    } else {
        code("OperationNotAllowed", FaultClass::Invalid, "")
    }
}
