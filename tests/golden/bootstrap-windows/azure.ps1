# Makes this machine part of the cluster. Each step is recorded when it has succeeded, so that running this again, after
# a failure or a restart, goes on at the first step that has not. It runs as a task at each start of the machine.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

# What this machine knows of the cluster.
$KubernetesVersion = '1.35.9'
$EndpointName = 'demo.westus2.cloudapp.azure.com'
$InternalAddress = '10.255.255.15'
$InstanceMetadata = 'true' -eq 'true'
$PreparedImage = 'false' -eq 'true'
$KubernetesUrl = 'https://dl.k8s.io/v1.35.9/bin/windows/amd64'
$ContainerdUrl = 'https://github.com/containerd/containerd/releases/download/v2.3.3/containerd-2.3.3-windows-amd64.tar.gz'
$NetworkPluginUrl = 'https://packages.aks.azure.com/azure-cni/v1.6.43/binaries/azure-vnet-cni-windows-amd64-v1.6.43.zip'
$Network = 'azure'
$HnsNetwork = 'azure'
$PodRange = '10.244.0.0/16'
$SshEnabled = 'true' -eq 'true'
$HasMirror = 'false' -eq 'true'
$DeadlineMinutes = 45
$KubeletArguments = @(
    '--cloud-provider=external'
    '--max-pods=110'
    '--node-ip=@NODE_ADDRESS@'
    '--node-labels=agentpool=linuxpool,kubernetes.azure.com/role=agent'
    '--rotate-server-certificates=true'
    '--register-with-taints=dedicated=batch:NoSchedule'
)
# The administrator's keys for SSH.
$SshKeys = @(
    'ssh-ed25519 AAAAexample somebody''s key'
)
# Files by their path. Those in the engine's folder hold secrets, and only the system and administrators get at them.
$Files = [ordered]@{
    'C:\AzureData\engine\join.template' = 'apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  file:
    kubeConfigPath: ''C:\AzureData\engine\discovery.yaml''
  tlsBootstrapToken: "abcdef.0123456789abcdef"
nodeRegistration:
  name: "@NODE_NAME@"
  criSocket: npipe:////./pipe/containerd-containerd
  imagePullPolicy: IfNotPresent
  # Labels, taints and the rest stand on the kubelet''s own command line.
  taints: []
'
    'C:\AzureData\engine\discovery.yaml' = 'apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster:
    certificate-authority-data: LS0tLS1CRUdJTiBQTEFDRUhPTERFUi0tLS0tCmNhLmNydCBvZiBhIGNsdXN0ZXIgdGhhdCBuZXZlciB3YXMKLS0tLS1FTkQgUExBQ0VIT0xERVItLS0tLQo=
    server: "https://demo.westus2.cloudapp.azure.com:443"
users:
- name: machine
  user:
    token: "abcdef.0123456789abcdef"
contexts:
- name: machine
  context:
    cluster: cluster
    user: machine
current-context: machine
'
    'C:\AzureData\engine\azure.conflist' = '{
  "cniVersion": "0.3.0",
  "name": "azure",
  "adapterName": "",
  "plugins": [
    {
      "type": "azure-vnet",
      "mode": "bridge",
      "bridge": "azure0",
      "capabilities": { "portMappings": true, "dns": true },
      "ipam": { "type": "azure-vnet-ipam" },
      "dns": {
        "Nameservers": ["10.0.0.10", "168.63.129.16"],
        "Search": ["svc.cluster.local"]
      },
      "AdditionalArgs": [
        { "Name": "EndpointPolicy", "Value": { "Type": "OutBoundNAT", "ExceptionList": ["10.244.0.0/16","10.0.0.0/8"] } },
        { "Name": "EndpointPolicy", "Value": { "Type": "ACL", "Protocols": "6", "Action": "Block", "Direction": "Out", "RemoteAddresses": "169.254.169.254/32", "RemotePorts": "80", "Priority": 200, "RuleType": "Switch" } },
        { "Name": "EndpointPolicy", "Value": { "Type": "ACL", "Protocols": "6", "Action": "Block", "Direction": "Out", "RemoteAddresses": "168.63.129.16/32", "RemotePorts": "80", "Priority": 200, "RuleType": "Switch" } },
        { "Name": "EndpointPolicy", "Value": { "Type": "ACL", "Protocols": "6", "Action": "Block", "Direction": "Out", "RemoteAddresses": "168.63.129.16/32", "RemotePorts": "32526", "Priority": 200, "RuleType": "Switch" } },
        { "Name": "EndpointPolicy", "Value": { "Type": "ACL", "Action": "Allow", "Direction": "In", "Priority": 65500 } },
        { "Name": "EndpointPolicy", "Value": { "Type": "ACL", "Action": "Allow", "Direction": "Out", "Priority": 65500 } }
      ],
      "windowsSettings": { "enableLoopbackDSR": true }
    }
  ]
}
'
    'C:\etc\containerd\config.toml' = '# Version 2 is read by containerd 1.7 and, converted, by 2.x. What is not said here is containerd''s own for Windows.
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10.1"

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = ''C:\etc\containerd\certs.d''

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = ''C:\opt\cni\bin''
  conf_dir = ''C:\etc\cni\net.d''
'
}

# What all steps share: the log, the record of finished steps, the deadline, the result.
$Root = 'C:\AzureData\engine'
$StepsFolder = Join-Path $Root 'steps'
$ResultFile = Join-Path $Root 'result.json'
$LogFile = 'C:\AzureData\cluster-provision.log'
$Deadline = (Get-Date).AddMinutes($DeadlineMinutes)

function Write-Line {
    param([string]$Text)
    $time = (Get-Date).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ')
    Add-Content -Path $LogFile -Encoding UTF8 -Value "$time $Text"
}

# Takes what could break a line or show a token out of a text.
function Protect-Text {
    param([string]$Text)
    ($Text -creplace '\b[a-z0-9]{6}\.[a-z0-9]{16}\b', '[token]') -replace '\s+', ' '
}

# A file of UTF-8 without a byte order mark, which readers of JSON and TOML refuse.
function Write-Text {
    param([string]$Path, [string]$Text)
    New-Item -ItemType Directory -Force -Path (Split-Path $Path) | Out-Null
    [IO.File]::WriteAllText($Path, $Text)
}

# Only the system and administrators get at what lies there; they are named by their numbers, since their names are
# translated.
function Protect-Path {
    param([string]$Path)
    $rights = 'F'
    if (Test-Path -PathType Container $Path) { $rights = '(OI)(CI)F' }
    Invoke-Program 'icacls.exe' @($Path, '/inheritance:r', '/grant:r', "*S-1-5-18:$rights", "*S-1-5-32-544:$rights")
}

function Write-Result {
    param([string]$Status, [string]$Step, [string]$Cause)
    $short = Protect-Text $Cause
    if ($short.Length -gt 700) { $short = $short.Substring(0, 700) }
    $result = [ordered]@{ status = $Status; step = $Step; cause = $short }
    Write-Text "$ResultFile.new" (ConvertTo-Json -Compress $result)
    Move-Item -Force "$ResultFile.new" $ResultFile
}

# Runs a program; what it says goes into the log. A status other than 0 is an error with the line that tells most.
function Invoke-Program {
    param([string]$Program, [string[]]$Arguments)
    # Or a word on the stream of errors would end the step, whatever the status.
    $ErrorActionPreference = 'Continue'
    $lines = @(& $Program @Arguments 2>&1 | ForEach-Object { Protect-Text "$_" } | Where-Object { $_.Trim() -ne '' })
    $status = $LASTEXITCODE
    foreach ($line in $lines) { Write-Line $line }
    if ($status -ne 0) {
        $telling = @($lines | Where-Object { $_ -match 'error|fail|unable|cannot|refused|denied|timed out' })
        if ($telling.Count -eq 0) { $telling = $lines }
        $last = 'it said nothing'
        if ($telling.Count -gt 0) { $last = $telling[-1] }
        throw "$(Split-Path -Leaf $Program) (status $status): $last"
    }
}

# What a program says; nothing of it goes into the log.
function Read-Program {
    param([string]$Program, [string[]]$Arguments)
    $ErrorActionPreference = 'Continue'
    $said = (& $Program @Arguments 2>$null | Out-String).Trim()
    if ($LASTEXITCODE -ne 0) { throw "$(Split-Path -Leaf $Program) (status $LASTEXITCODE)" }
    $said
}

# Repeats a condition until it holds or this machine's time is up.
function Wait-Until {
    param([string]$What, [int]$Pause, [scriptblock]$Condition)
    while ($true) {
        $said = 'not yet'
        try {
            if (& $Condition) { return }
        } catch {
            $said = Protect-Text "$_"
            Write-Line "${What}: $said"
        }
        if ((Get-Date) -ge $Deadline) {
            throw "${What}: no success within $DeadlineMinutes minutes: $said"
        }
        Start-Sleep -Seconds $Pause
    }
}

function Get-File {
    param([string]$Url, [string]$Path)
    $options = '--silent', '--show-error', '--fail', '--location', '--max-time', '600', '--output', $Path, $Url
    Invoke-Program 'curl.exe' $options
}

# Fetches a file, and the SHA-256 that its publisher keeps beside it.
function Get-CheckedFile {
    param([string]$Url, [string]$SumUrl, [string]$Path)
    Wait-Until -What "fetching $Url" -Pause 10 -Condition {
        Get-File $Url "$Path.new"
        Get-File $SumUrl "$Path.sum"
        $wanted = ((Get-Content -Raw "$Path.sum").Trim() -split '\s+')[0]
        $found = (Get-FileHash -Algorithm SHA256 "$Path.new").Hash
        Remove-Item -Force "$Path.sum"
        if ($found -ne $wanted) { throw "its SHA-256 is $found, not $wanted" }
        Move-Item -Force "$Path.new" $Path
        $true
    }
}

function Start-Bootstrap {
    New-Item -ItemType Directory -Force -Path $StepsFolder | Out-Null
    Remove-Item -Force -ErrorAction SilentlyContinue $ResultFile
    Write-Line "begin: Windows worker, Kubernetes $KubernetesVersion"
}

function Complete-Bootstrap {
    New-Item -ItemType File -Force -Path (Join-Path $StepsFolder 'finished') | Out-Null
    Write-Result 'succeeded' '' ''
    Write-Line 'end: succeeded'
}

# Runs a step unless it has succeeded before. A failure ends the run.
function Invoke-Step {
    param([string]$Name)
    $record = Join-Path $StepsFolder $Name
    if (Test-Path $record) { return }
    $watch = [Diagnostics.Stopwatch]::StartNew()
    try {
        & "Step-$Name" | ForEach-Object { Write-Line (Protect-Text "$_") }
    } catch {
        $cause = Protect-Text "$_"
        Write-Line "step ${Name}: failed after $([int]$watch.Elapsed.TotalSeconds)s: $cause"
        Write-Result 'failed' $Name $cause
        exit 1
    }
    New-Item -ItemType File -Force -Path $record | Out-Null
    Write-Line "step ${Name}: done in $([int]$watch.Elapsed.TotalSeconds)s"
}

# The steps that make a host of the machine: disk, firewall, features, files, programs, containerd.
$Kubernetes = 'C:\k'
$Containerd = 'C:\Program Files\containerd'
$Plugins = 'C:\opt\cni\bin'
$RestartFile = Join-Path $Root 'restart'

function Step-Host {
    foreach ($folder in $Root, 'C:\AzureData\CustomData.bin') {
        if (Test-Path $folder) { Protect-Path $folder }
    }
    # The image's file system is as big as the image, whatever the disk's size.
    $largest = (Get-PartitionSupportedSize -DriveLetter C).SizeMax
    $used = (Get-Partition -DriveLetter C).Size
    # A difference below 64 MiB is the partition's end.
    if ($largest - $used -gt 67108864) { Resize-Partition -DriveLetter C -Size $largest }
    foreach ($folder in $Kubernetes, $Plugins, 'C:\etc\cni\net.d', 'C:\etc\kubernetes\pki', 'C:\etc\kubernetes\manifests',
        'C:\var\lib\kubelet', 'C:\var\log\kubelet') {
        New-Item -ItemType Directory -Force -Path $folder | Out-Null
    }
    foreach ($path in $Files.Keys) { Write-Text $path $Files[$path] }
    Open-Port 'engine-kubelet' 'TCP' '10250'
    Open-Port 'engine-proxy-health' 'TCP' '10256'
    Open-Port 'engine-node-ports-tcp' 'TCP' '30000-32767'
    Open-Port 'engine-node-ports-udp' 'UDP' '30000-32767'
    Disable-OldProtocols
    powercfg.exe /setactive 8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c
}

function Open-Port {
    param([string]$Name, [string]$Protocol, [string]$Ports)
    if (-not (Get-NetFirewallRule -Name $Name -ErrorAction SilentlyContinue)) {
        New-NetFirewallRule -Name $Name -DisplayName $Name -Direction Inbound -Action Allow -Protocol $Protocol -LocalPort $Ports | Out-Null
    }
}

function Disable-OldProtocols {
    $protocols = 'HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols'
    foreach ($protocol in 'SSL 2.0', 'SSL 3.0', 'TLS 1.0', 'TLS 1.1') {
        foreach ($side in 'Client', 'Server') {
            $key = "$protocols\$protocol\$side"
            New-Item -Force -Path $key | Out-Null
            Set-ItemProperty -Path $key -Name 'Enabled' -Type DWord -Value 0
            Set-ItemProperty -Path $key -Name 'DisabledByDefault' -Type DWord -Value 1
        }
    }
}

function Get-StartOfSystem {
    (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().ToString('o')
}

# Containers need a feature that most images lack, and that works after a restart only.
function Step-Features {
    $installed = Install-WindowsFeature -Name Containers
    if (-not $installed.Success) { throw 'the feature Containers cannot be installed' }
    if ("$($installed.RestartNeeded)" -ne 'No') { Write-Text $RestartFile (Get-StartOfSystem) }
}

# Asks the metadata service; the answer has to look like a name.
function Get-Metadata {
    param([string]$Question)
    $uri = "http://169.254.169.254/metadata/$Question"
    $answer = Invoke-RestMethod -UseBasicParsing -TimeoutSec 10 -Headers @{ Metadata = 'true' } -Uri $uri
    if ($Question.StartsWith('identity/')) { $answer = $answer.tenantId }
    if ("$answer" -notmatch '^[A-Za-z0-9._()-]+$') { throw "the metadata service answers $Question with no name" }
    "$answer"
}

# The service principal's secret as a text of JSON: its base64 is the last line of this machine's script, where the cloud has
# put it.
function Get-PrincipalSecret {
    $line = Get-Content -Encoding UTF8 (Join-Path $Root 'bootstrap.ps1') | Select-Object -Last 1
    $bytes = [Convert]::FromBase64String($line.TrimStart('#').Trim())
    $secret = [Text.Encoding]::UTF8.GetString($bytes).TrimEnd("`r", "`n")
    if ($secret -eq '' -or $secret -match '[\x00-\x1f\x7f]') {
        throw "the service principal's secret in the key vault is empty, or holds what is not part of one"
    }
    $secret.Replace('\', '\\').Replace('"', '\"')
}

# Completes the cloud's configuration with what only the machine can know.
function Step-Cloud {
    $path = 'C:\etc\kubernetes\azure.json'
    if (-not (Test-Path $path)) { return }
    $text = Get-Content -Raw $path
    $questions = [ordered]@{
        '@SUBSCRIPTION@' = 'instance/compute/subscriptionId?api-version=2021-02-01&format=text'
        '@RESOURCE_GROUP@' = 'instance/compute/resourceGroupName?api-version=2021-02-01&format=text'
        '@LOCATION@' = 'instance/compute/location?api-version=2021-02-01&format=text'
        '@TENANT@' = 'identity/info?api-version=2018-02-01'
    }
    foreach ($marker in $questions.Keys) {
        if (-not $text.Contains($marker)) { continue }
        if (-not $InstanceMetadata) { throw "azure.json lacks $marker, and this cloud has no metadata service to ask" }
        Wait-Until -What "asking the metadata service for $marker" -Pause 5 -Condition {
            $script:Answer = Get-Metadata $questions[$marker]
            $true
        }
        $text = $text.Replace($marker, $script:Answer)
    }
    # Last, so that nothing in it is taken for a marker.
    if ($text.Contains('@PRINCIPAL_SECRET@')) { $text = $text.Replace('@PRINCIPAL_SECRET@', (Get-PrincipalSecret)) }
    Write-Text $path $text
    Protect-Path $path
}

function Step-Packages {
    if ($PreparedImage) {
        $version = Read-Program (Join-Path $Kubernetes 'kubeadm.exe') @('version', '--output', 'short')
        if ($version -ne "v$KubernetesVersion") { throw "the image holds kubeadm $version, not v$KubernetesVersion" }
        return
    }
    foreach ($name in 'kubeadm.exe', 'kubelet.exe', 'kubectl.exe', 'kube-proxy.exe', 'kube-log-runner.exe') {
        Get-CheckedFile "$KubernetesUrl/$name" "$KubernetesUrl/$name.sha256" (Join-Path $Kubernetes $name)
    }
    $archive = Join-Path $Root 'containerd.tar.gz'
    Get-CheckedFile $ContainerdUrl "$ContainerdUrl.sha256sum" $archive
    New-Item -ItemType Directory -Force -Path $Containerd | Out-Null
    Invoke-Program 'tar.exe' @('-x', '-z', '-f', $archive, '--strip-components', '1', '-C', $Containerd)
    Remove-Item -Force $archive
    $archive = Join-Path $Root 'network-plugin.zip'
    Wait-Until -What 'fetching the network plugin' -Pause 10 -Condition {
        Get-File $NetworkPluginUrl $archive
        $true
    }
    # The archive of Azure CNI holds a configuration, too; the engine's own takes its place.
    Invoke-Program 'tar.exe' @('-x', '-f', $archive, '-C', $Plugins)
    Remove-Item -Force $archive
}

# Ends this run where a restart is due; the task goes on after it. A minute is left for the extension to report.
function Step-Restart {
    if (-not (Test-Path $RestartFile)) { return }
    if ((Get-Content -Raw $RestartFile).Trim() -eq (Get-StartOfSystem)) {
        Write-Line 'step restart: the machine restarts in a minute'
        Write-Result 'restarting' 'restart' ''
        shutdown.exe /r /t 60 /d p:2:4 /c 'the feature Containers was installed'
        exit 0
    }
    Remove-Item -Force $RestartFile
}

function Step-Runtime {
    if (-not (Get-Service -Name containerd -ErrorAction SilentlyContinue)) {
        Invoke-Program (Join-Path $Containerd 'containerd.exe') @('--config', 'C:\etc\containerd\config.toml',
            '--log-file', 'C:\var\log\containerd.log', '--register-service')
    }
    Invoke-Program 'sc.exe' @('config', 'containerd', 'start=', 'auto')
    Invoke-Program 'sc.exe' @('failure', 'containerd', 'reset=', '0', 'actions=', 'restart/10000')
    Wait-Until -What 'starting containerd' -Pause 3 -Condition {
        Start-Service -Name containerd
        Test-Path '\\.\pipe\containerd-containerd'
    }
}

# The steps that make a node of the host: network, kubelet, kube-proxy, SSH.
$KubeletConfiguration = 'C:\etc\kubernetes\kubelet.conf'
$Kubectl = Join-Path $Kubernetes 'kubectl.exe'
$Kubeadm = Join-Path $Kubernetes 'kubeadm.exe'

function Get-NodeName {
    $env:COMPUTERNAME.ToLowerInvariant()
}

# The address from which this machine talks to the control plane. The other addresses of its interface are its pods'.
function Get-NodeAddress {
    (Find-NetRoute -RemoteIPAddress $InternalAddress | Where-Object { $_.IPAddress } | Select-Object -First 1).IPAddress
}

function Step-Network {
    if ($Network -eq 'azure') {
        # Azure's switch answers for all of a subnet's addresses with this one.
        $state = 'HKLM:\SYSTEM\CurrentControlSet\Services\hns\State'
        New-Item -Force -Path $state | Out-Null
        Set-ItemProperty -Path $state -Name 'SDNRemoteArpMacAddress' -Value '12-34-56-78-9a-bc'
        Restart-Service -Force -Name hns
        Copy-Item -Force (Join-Path $Root 'azure.conflist') 'C:\etc\cni\net.d\10-azure.conflist'
        return
    }
    $gateway = (Get-NetRoute -DestinationPrefix '0.0.0.0/0' | Sort-Object RouteMetric | Select-Object -First 1).NextHop
    $interface = (Get-NetIPAddress -IPAddress (Get-NodeAddress)).InterfaceAlias
    $text = Get-Content -Raw (Join-Path $Root 'kubenet.template')
    $text = $text.Replace('@GATEWAY@', $gateway).Replace('@INTERFACE@', $interface)
    # containerd completes it once the node has its range of pods.
    Write-Text 'C:\etc\containerd\kubenet.template' $text
    Restart-Service -Force -Name containerd
}

# The API server's name leads to the internal address here.
function Set-Endpoint {
    $hosts = 'C:\Windows\System32\drivers\etc\hosts'
    $mark = '# engine: API server'
    $others = @(Get-Content $hosts | Where-Object { -not $_.EndsWith($mark) })
    $lines = $others + ($InternalAddress, $EndpointName, $mark -join ' ')
    [IO.File]::WriteAllLines($hosts, [string[]]$lines)
}

# One argument of a program as its command line has it.
function ConvertTo-Argument {
    param([string]$Text)
    $special = $Text -match '[\s"]'
    if (-not $special) { return $Text }
    $quoted = [regex]::Replace($Text, '(\\*)"', '$1$1\"')
    return '"' + $quoted + '"'
}

# A service that starts when this script says so, and again whenever it ends.
function Register-Program {
    param([string]$Name, [string[]]$Words, [string[]]$After)
    if (Get-Service -Name $Name -ErrorAction SilentlyContinue) {
        Stop-Service -Force -Name $Name
        Invoke-Program 'sc.exe' @('delete', $Name)
    }
    $line = ($Words | ForEach-Object { ConvertTo-Argument $_ }) -join ' '
    Wait-Until -What "registering the service $Name" -Pause 2 -Condition {
        New-Service -Name $Name -BinaryPathName $line -StartupType Manual -DependsOn $After | Out-Null
        $true
    }
    Invoke-Program 'sc.exe' @('failure', $Name, 'reset=', '0', 'actions=', 'restart/10000')
}

function Register-Kubelet {
    $address = Get-NodeAddress
    if (-not $address) { throw "no route leads to $InternalAddress" }
    $given = $KubeletArguments | ForEach-Object { $_.Replace('@NODE_ADDRESS@', $address) }
    $own = '--windows-service', '--config=C:\var\lib\kubelet\config.yaml',
        '--bootstrap-kubeconfig=C:\etc\kubernetes\bootstrap-kubelet.conf', "--kubeconfig=$KubeletConfiguration",
        '--cert-dir=C:\var\lib\kubelet\pki', '--root-dir=C:\var\lib\kubelet', "--hostname-override=$(Get-NodeName)",
        '--container-runtime-endpoint=npipe:////./pipe/containerd-containerd', '--cgroups-per-qos=false',
        '--enforce-node-allocatable=', '--resolv-conf='
    $runner = (Join-Path $Kubernetes 'kube-log-runner.exe'), '-log-file=C:\var\log\kubelet\kubelet.log',
        '-log-file-size=100Mi', (Join-Path $Kubernetes 'kubelet.exe')
    Register-Program 'kubelet' ($runner + $own + $given) @('containerd')
}

# Whether this machine is a node of the cluster: member, outside or unknown.
function Get-Membership {
    if (-not (Test-Path $KubeletConfiguration)) { return 'outside' }
    try {
        $found = Read-Program $Kubectl @('--kubeconfig', $KubeletConfiguration, '--request-timeout=10s', 'get', 'node',
            (Get-NodeName), '--ignore-not-found', '--output', 'name')
    } catch {
        return 'unknown'
    }
    if ($found) { return 'member' }
    'outside'
}

# One attempt to join. A machine that has joined is never reset, whatever kubeadm said at its end, and one of which nobody
# can say whether it has joined is not either.
function Join-Once {
    if ((Get-Membership) -eq 'member') { return $true }
    $discovery = Join-Path $Root 'discovery.yaml'
    $alive = Read-Program $Kubectl @('--kubeconfig', $discovery, '--request-timeout=5s', 'get', '--raw', '/livez')
    if ($alive -ne 'ok') { throw "the API server at $InternalAddress says $alive" }
    $configuration = Join-Path $Root 'join.yaml'
    Write-Text $configuration $Files[(Join-Path $Root 'join.template')].Replace('@NODE_NAME@', (Get-NodeName))
    try {
        Invoke-Program $Kubeadm @('join', '--config', $configuration)
    } catch {
        $cause = "$_"
        $membership = Get-Membership
        if ($membership -eq 'member') { return $true }
        if ($membership -eq 'outside') {
            Write-Line 'join: failed, cleaning up before the next attempt'
            try { Invoke-Program $Kubeadm @('reset', '--force') } catch { Write-Line "reset: $_" }
            Remove-Item -Force -ErrorAction SilentlyContinue $KubeletConfiguration, 'C:\etc\kubernetes\bootstrap-kubelet.conf'
        }
        throw $cause
    }
    $true
}

# The control plane may come long after the worker, and a token may be renewed meanwhile: only the deadline ends this.
function Step-Join {
    Set-Endpoint
    if ((Get-Membership) -ne 'member') { Register-Kubelet }
    Wait-Until -What 'joining the cluster' -Pause 10 -Condition { Join-Once }
}

# kube-proxy is a service with the kubelet's own identity and version. It waits by itself for the pods' network, which
# comes with the first pod.
function Step-Proxy {
    $words = (Join-Path $Kubernetes 'kube-log-runner.exe'), '-log-file=C:\var\log\kube-proxy.log', '-log-file-size=100Mi',
        (Join-Path $Kubernetes 'kube-proxy.exe'), '--windows-service', '--proxy-mode=kernelspace', '--enable-dsr=true',
        "--hostname-override=$(Get-NodeName)", "--kubeconfig=$KubeletConfiguration", "--cluster-cidr=$PodRange"
    Register-Program 'kube-proxy' $words @('kubelet')
    $key = 'HKLM:\SYSTEM\CurrentControlSet\Services\kube-proxy'
    Set-ItemProperty -Path $key -Name 'Environment' -Type MultiString -Value "KUBE_NETWORK=$HnsNetwork"
    Start-Service -Name kube-proxy
}

# A node works without SSH, so nothing here ends the bootstrap.
function Step-Ssh {
    $service = Get-Service -Name sshd -ErrorAction SilentlyContinue
    if (-not $SshEnabled) {
        if ($service) {
            Stop-Service -Force -Name sshd
            Set-Service -Name sshd -StartupType Disabled
        }
        return
    }
    try {
        if (-not $service) {
            if ($HasMirror) { throw 'the image has no OpenSSH, and a mirror has no features of Windows' }
            Add-WindowsCapability -Online -Name 'OpenSSH.Server~~~~0.0.1.0' | Out-Null
        }
        $keys = 'C:\ProgramData\ssh\administrators_authorized_keys'
        Write-Text $keys (($SshKeys -join "`r`n") + "`r`n")
        Protect-Path $keys
        Set-Service -Name sshd -StartupType Automatic
        Start-Service -Name sshd
    } catch {
        Write-Line "ssh: not switched on: $(Protect-Text "$_")"
    }
}

function Step-Ready {
    Wait-Until -What 'waiting until the node is ready' -Pause 5 -Condition {
        $status = Read-Program $Kubectl @('--kubeconfig', $KubeletConfiguration, '--request-timeout=10s', 'get', 'node',
            (Get-NodeName), '--output', "jsonpath={.status.conditions[?(@.type=='Ready')].status}")
        $status -eq 'True'
    }
}

# At each later start: the pods' network does not outlive a restart, and what the plugin remembers of it would mislead it.
function Start-Node {
    Get-HnsNetwork | Where-Object { $_.Name -eq $HnsNetwork } | Remove-HnsNetwork
    foreach ($name in 'azure-vnet', 'azure-vnet-ipam') {
        foreach ($ending in 'json', 'json.lock') {
            Remove-Item -Force -ErrorAction SilentlyContinue (Join-Path $Kubernetes "$name.$ending")
        }
    }
    foreach ($name in 'containerd', 'kubelet', 'kube-proxy') { Start-Service -Name $name }
}

Start-Bootstrap
if (Test-Path (Join-Path $StepsFolder 'finished')) {
    Start-Node
} else {
    foreach ($name in 'host', 'features', 'cloud', 'packages', 'restart', 'runtime', 'network', 'join', 'proxy', 'ssh', 'ready') {
        Invoke-Step $name
    }
}
Complete-Bootstrap
