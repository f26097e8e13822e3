//! The words that descriptions use for enums, in both directions.

use abi::scheduling::{Fairness, Policy};
use manifest::source::Source;
use schema_gen::system::{
    DmaBackendPolicy, FairnessScope, KeyPurpose, KeySourceDeploymentProfile, LogLevel, PrincipalKind,
    SchedulerPolicy, UartParity, UartPort,
};

pub(crate) const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
];
pub(crate) const PORTS: &[(&str, UartPort)] = &[("com1", UartPort::Com1), ("com2", UartPort::Com2)];
pub(crate) const PARITIES: &[(&str, UartParity)] = &[
    ("none", UartParity::None),
    ("even", UartParity::Even),
    ("odd", UartParity::Odd),
];
pub(crate) const DMA_POLICIES: &[(&str, DmaBackendPolicy)] = &[
    ("unspecified", DmaBackendPolicy::Unspecified),
    ("enable_if_verified", DmaBackendPolicy::EnableIfVerified),
    ("enable_unsafe", DmaBackendPolicy::EnableUnsafe),
    ("bounce_buffer", DmaBackendPolicy::BounceBuffer),
];
pub(crate) const SCHEDULERS: &[(&str, SchedulerPolicy)] = &[
    (Policy::WeightedFair.name(), SchedulerPolicy::WeightedFair),
    (Policy::Eevdf.name(), SchedulerPolicy::Eevdf),
];
pub(crate) const FAIRNESS: &[(&str, FairnessScope)] = &[
    (Fairness::Threads.name(), FairnessScope::Threads),
    (Fairness::Processes.name(), FairnessScope::Processes),
];
pub(crate) const PRINCIPALS: &[(&str, PrincipalKind)] = &[
    ("human", PrincipalKind::Human),
    ("operator", PrincipalKind::Operator),
    ("service", PrincipalKind::Service),
    ("guest", PrincipalKind::Guest),
    ("anonymous", PrincipalKind::Anonymous),
    ("pseudonymous", PrincipalKind::Pseudonymous),
];
pub(crate) const DEPLOYMENTS: &[(&str, KeySourceDeploymentProfile)] = &[
    ("local_development", KeySourceDeploymentProfile::LocalDevelopment),
    ("production", KeySourceDeploymentProfile::Production),
    ("public_ingress", KeySourceDeploymentProfile::PublicIngress),
    (
        "billable_cloud_proof",
        KeySourceDeploymentProfile::BillableCloudProof,
    ),
];
pub(crate) const PURPOSES: &[(&str, KeyPurpose)] = &[
    ("generic", KeyPurpose::Generic),
    ("block_volume", KeyPurpose::BlockVolume),
    ("object_store", KeyPurpose::ObjectStore),
    ("envelope", KeyPurpose::Envelope),
    ("integrity", KeyPurpose::Integrity),
    ("tls", KeyPurpose::Tls),
    ("code_signing", KeyPurpose::CodeSigning),
    ("instance_identity", KeyPurpose::InstanceIdentity),
    ("auth_token", KeyPurpose::AuthToken),
    ("webauthn", KeyPurpose::Webauthn),
    ("audit", KeyPurpose::Audit),
    ("oauth_client_assertion", KeyPurpose::OauthClientAssertion),
    ("oidc_id_token", KeyPurpose::OidcIdToken),
    ("dpop_binding", KeyPurpose::DpopBinding),
    ("acme_account", KeyPurpose::AcmeAccount),
];

/// The word of a value in one of the tables above.
pub(crate) fn word_of<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words
        .iter()
        .find(|(_, known)| *known == value)
        .map_or("", |(word, _)| word)
}

/// Every source by its name.
pub(crate) fn sources() -> Vec<(&'static str, Source)> {
    Source::ALL
        .iter()
        .map(|source| (source.name(), *source))
        .collect()
}
