//! Feature gates of Kubernetes' components: what each release knows, and what it lets nobody change any more.
//!
//! Source: Kubernetes 1.34.4, 1.35.4 and 1.36.3, `test/compatibility_lifecycle/reference/versioned_feature_list.yaml`,
//! which is made from `pkg/features/kube_features.go` and the gates of the libraries below it; read 2026-11-25.
//! The lists of 1.34 and 1.35 have two gates by their names in Go; here all have the names that flags take.
//! `AllAlpha` and `AllBeta` are of `component-base`, `featuregate/feature_gate.go`, of the same releases.

/// What a release of Kubernetes does with a feature gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureGate {
    /// It may be set.
    Open,
    /// It has one value for good; a component that is told another does not start.
    Locked,
    /// The release does not know it; a component that is given it does not start.
    Unknown,
}

struct Group {
    /// The first and the last release that know the gates, as places in [`RELEASES`].
    known: (usize, usize),
    /// The first release that has them locked.
    locked: Option<usize>,
    names: &'static str,
}

/// The releases of the table, oldest first.
const RELEASES: [&str; 3] = ["1.34", "1.35", "1.36"];

const GROUPS: &[Group] = &[
    Group {
        known: (0, 0),
        locked: Some(0),
        names: "\
            AllowServiceLBStatusOnNonLB ComponentSLIs CronJobsScheduledAnnotation LoadBalancerIPMode \
            PodIndexLabel ProbeHostPodSecurityStandards SizeMemoryBackedVolumes StatefulSetAutoDeletePVC \
            StrictCostEnforcementForVAP StrictCostEnforcementForWebhooks",
    },
    Group { known: (0, 0), locked: None, names: "UserNamespacesPodSecurityStandards" },
    Group {
        known: (0, 1),
        locked: Some(0),
        names: "\
            CSIMigrationPortworx HonorPVReclaimPolicy MemoryManager ServiceTrafficDistribution \
            StructuredAuthorizationConfiguration TopologyAwareHints WatchFromStorageWithoutResourceVersion",
    },
    Group {
        known: (0, 1),
        locked: None,
        names: "InPlacePodVerticalScalingAllocatedStatus InTreePluginPortworxUnregister",
    },
    Group {
        known: (0, 2),
        locked: Some(0),
        names: "\
            APIServerTracing AnonymousAuthConfigurableEndpoints AnyVolumeDataSource AuthorizeNodeWithSelectors \
            AuthorizeWithSelectors BtreeWatchCache CPUManagerPolicyOptions CRDValidationRatcheting \
            ConsistentListFromCache CustomResourceFieldSelectors JobBackoffLimitPerIndex JobPodReplacementPolicy \
            JobSuccessPolicy KubeletCgroupDriverFromCRI KubeletTracing LogarithmicScaleDown \
            MatchLabelKeysInPodAffinity MultiCIDRServiceAllocator NFTablesProxyMode \
            NodeInclusionPolicyInPodTopologySpread NodeSwap OrderedNamespaceDeletion PodLifecycleSleepAction \
            PodLifecycleSleepActionAllowZero PodSchedulingReadiness RecoverVolumeExpansionFailure \
            RecursiveReadOnlyMounts RelaxedDNSSearchValidation RelaxedEnvironmentVariableValidation \
            ResilientWatchCacheInitialization RetryGenerateName SchedulerQueueingHints \
            SeparateTaintEvictionController ServiceAccountTokenJTI ServiceAccountTokenNodeBinding \
            ServiceAccountTokenNodeBindingValidation ServiceAccountTokenPodNodeInfo SidecarContainers \
            StreamingCollectionEncodingToJSON StreamingCollectionEncodingToProtobuf \
            StructuredAuthenticationConfiguration WinDSR WinOverlay",
    },
    Group {
        known: (0, 2),
        locked: Some(1),
        names: "\
            AggregatedDiscoveryRemoveBetaType AllowOverwriteTerminationGracePeriodSeconds \
            DisableAllocatorDualWrite DynamicResourceAllocation ExecProbeTimeout ImageMaximumGCAge \
            InPlacePodVerticalScaling JobManagedBy PodObservedGenerationTracking PreferSameTrafficDistribution \
            SupplementalGroupsPolicy SystemdWatchdog",
    },
    Group {
        known: (0, 2),
        locked: Some(2),
        names: "\
            DRAAdminAccess DeclarativeValidation DisableNodeKubeProxyVersion ExternalServiceAccountTokenSigner \
            GitRepoVolumeDriver ImageVolume KubeletFineGrainedAuthz KubeletPSI \
            KubeletPodResourcesDynamicResources KubeletPodResourcesGet MutableCSINodeAllocatableCount \
            NodeLogQuery ProcMountType SELinuxChangePolicy SELinuxMountReadWriteOncePod SeparateCacheWatchRPC \
            TopologyManagerPolicyOptions UserNamespacesSupport VolumeAttributesClass",
    },
    Group {
        known: (0, 2),
        locked: None,
        names: "\
            APIResponseCompression APIServerIdentity APIServingWithRoutine AllAlpha AllBeta AllowDNSOnlyNodeCSR \
            AllowInsecureKubeletCertificateSigningRequests AllowParsingUserUIDFromCertAuth \
            AllowUnsafeMalformedObjectDeletion CBORServingAndStorage CPUManagerPolicyAlphaOptions \
            CPUManagerPolicyBetaOptions CSIVolumeHealth ClearingNominatedNodeNameAfterBinding \
            CloudControllerManagerWebhook ClusterTrustBundle ClusterTrustBundleProjection ComponentFlagz \
            ComponentStatusz ConcurrentWatchObjectDecode ContainerCheckpoint ContainerRestartRules \
            ContainerStopSignals ContextualLogging CoordinatedLeaderElection CrossNamespaceVolumeDataSource \
            CustomCPUCFSQuotaPeriod DRAConsumableCapacity DRADeviceBindingConditions DRADeviceTaints \
            DRAExtendedResource DRAPartitionableDevices DRAPrioritizedList DRAResourceClaimDeviceStatus \
            DRASchedulerFilterTimeout DeclarativeValidationTakeover DeploymentReplicaSetTerminatingReplicas \
            DetectCacheInconsistency DisableCPUQuotaWithExclusiveCPUs EnvFiles EventedPLEG GracefulNodeShutdown \
            GracefulNodeShutdownBasedOnPodPriority HPAConfigurableTolerance HPAScaleToZero HostnameOverride \
            InPlacePodVerticalScalingExclusiveCPUs InPlacePodVerticalScalingExclusiveMemory KMSv1 \
            KubeletCrashLoopBackOffMax KubeletEnsureSecretPulledImages KubeletInUserNamespace \
            KubeletPodResourcesListUseActivePods KubeletRegistrationGetOnExistsOnly KubeletSeparateDiskGC \
            KubeletServiceAccountTokenForCredentialProviders ListFromCacheSnapshot \
            LocalStorageCapacityIsolationFSQuotaMonitoring LoggingAlphaOptions LoggingBetaOptions \
            MatchLabelKeysInPodTopologySpread MatchLabelKeysInPodTopologySpreadSelectorMerge \
            MaxUnavailableStatefulSet MemoryQoS MutatingAdmissionPolicy NominatedNodeNameForExpectation \
            OpenAPIEnums PodAndContainerStatsFromCRI PodCertificateRequest PodDeletionCost PodLevelResources \
            PodLogsQuerySplitStreams PodReadyToStartContainersCondition PodTopologyLabelsAdmission \
            PortForwardWebsockets PreventStaticPodAPIReferences QOSReserved ReduceDefaultCrashLoopBackOffDecay \
            RelaxedServiceNameValidation ReloadKubeletServerCertificateFile RemoteRequestHeaderUID \
            ResourceHealthStatus RotateKubeletServerCertificate RuntimeClassInImageCriApi SELinuxMount \
            SchedulerAsyncAPICalls SchedulerAsyncPreemption SchedulerPopFromBackoffQ \
            ServiceAccountNodeAudienceRestriction SizeBasedListCostEstimate \
            StatefulSetSemanticRevisionComparison StorageCapacityScoring StorageNamespaceIndex StorageVersionAPI \
            StorageVersionHash StorageVersionMigrator StrictIPCIDRValidation \
            StructuredAuthenticationConfigurationEgressSelector TokenRequestServiceAccountUIDValidation \
            TopologyManagerPolicyAlphaOptions TopologyManagerPolicyBetaOptions \
            TranslateStreamCloseWebsocketRequests UnauthenticatedHTTP2DOSMitigation \
            UnknownVersionInteroperabilityProxy WatchCacheInitializationPostStartHook WatchList \
            WindowsCPUAndMemoryAffinity WindowsGracefulNodeShutdown WindowsHostNetwork",
    },
    Group { known: (1, 2), locked: Some(2), names: "CSIServiceAccountTokenSecrets" },
    Group {
        known: (1, 2),
        locked: None,
        names: "\
            AuthorizePodWebsocketUpgradeCreatePermission CRDObservedGenerationTracking \
            ChangeContainerStatusOnKubeletRestart CloudControllerManagerWatchBasedRoutesReconciliation \
            ConstrainedImpersonation DRADeviceTaintRules GangScheduling GenericWorkload \
            InPlacePodLevelResourcesVerticalScaling MutablePVNodeAffinity MutablePodResourcesForSuspendedJobs \
            MutableSchedulingDirectivesForSuspendedJobs NodeDeclaredFeatures OpportunisticBatching \
            RestartAllContainersOnContainerExits StructuredAuthenticationConfigurationJWKSMetrics \
            TaintTolerationComparisonOperators UserNamespacesHostNetworkSupport VolumeLimitScaling",
    },
    Group {
        known: (2, 2),
        locked: None,
        names: "\
            AllowServiceExternalIPs CRIListStreaming ControllerManagerReleaseLeaderElectionLockOnExit \
            DRAListTypeAttributes DRANodeAllocatableResources DRAResourceClaimGranularStatusAuthorization \
            DRAResourcePoolStatus DRAWorkloadResourceClaims DeclarativeValidationBeta ExtendWebSocketsToKubelet \
            ImageVolumeWithDigest InPlacePodVerticalScalingInitContainers ManifestBasedAdmissionControlConfig \
            NativeHistograms PLEGOnDemandRelist PersistentVolumeClaimUnusedSinceTime PodLevelResourceManagers \
            PodsAPI ReloadKubeletClientCAFile ResourceHealthStatusMessage ServiceCIDRStatusFieldWiping \
            ShardedListAndWatch StaleControllerConsistencyDaemonSet StaleControllerConsistencyJob \
            StaleControllerConsistencyReplicaSet StaleControllerConsistencyStatefulSet \
            TopologyAwareWorkloadScheduling WorkloadAwarePreemption WorkloadWithJob",
    },
];

/// What a release, such as `1.36`, does with a gate; nothing where the table does not know the release.
pub fn feature_gate(release: &str, name: &str) -> Option<FeatureGate> {
    let release = RELEASES.iter().position(|known| *known == release)?;
    let group = GROUPS.iter().find(|group| {
        (group.known.0..=group.known.1).contains(&release) && group.names.split(' ').any(|gate| gate == name)
    });
    Some(match group {
        None => FeatureGate::Unknown,
        Some(group) if group.locked.is_some_and(|locked| locked <= release) => FeatureGate::Locked,
        Some(_) => FeatureGate::Open,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::kubernetes_releases;

    #[test]
    fn each_release_knows_its_gates() {
        use FeatureGate::{Locked, Open, Unknown};
        for (release, name, state) in [
            ("1.34", "MountPropagation", Unknown),
            ("1.36", "DebugContainers", Unknown),
            ("1.34", "UserNamespacesSupport", Open),
            ("1.36", "UserNamespacesSupport", Locked),
            ("1.36", "AllAlpha", Open),
            ("1.36", "DynamicResourceAllocation", Locked),
        ] {
            assert_eq!(feature_gate(release, name), Some(state), "{release} {name}");
        }
        assert_eq!(feature_gate("1.20", "MountPropagation"), None);
    }

    #[test]
    fn the_table_has_each_release_of_a_new_cluster_and_each_gate_once() {
        for release in kubernetes_releases().iter().filter(|release| release.creatable) {
            assert!(RELEASES.contains(&release.release), "{}", release.release);
        }
        let mut names: Vec<&str> = GROUPS.iter().flat_map(|group| group.names.split(' ')).collect();
        assert!(names.iter().all(|name| name.chars().all(|letter| letter.is_ascii_alphanumeric()) && !name.is_empty()));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
