# The commands of AksHci that make and take away clusters, by `engine`. Written by `engine powershell`.
#
# Clusters lie in the folder _output of the working folder, as those of the engine itself do: both can be used side by side.
# Deliberately absent: what belongs to Azure Stack HCI as a whole (Install-AksHci, Set-AksHciConfig, Arc, billing).
#
# Source of the names: https://www.powershellgallery.com/packages/AksHci (read 2026-11-28); parameters from memory.

Set-StrictMode -Version 3.0

# Runs the engine; its own messages are shown, and a failure ends the command with the engine's exit code in $LASTEXITCODE.
function Invoke-Engine {
    param([Parameter(Mandatory)][string[]] $Arguments)
    & engine @Arguments
    if ($LASTEXITCODE -ne 0) {
        throw "engine $($Arguments[0]) ended with exit code $LASTEXITCODE"
    }
}

# The folder of a cluster.
function Get-ClusterFolder {
    param([Parameter(Mandatory)][string] $Name)
    Join-Path -Path '_output' -ChildPath $Name
}

<#
.SYNOPSIS
Prepares this host for clusters, after a question, and checks it.
#>
function Initialize-AksHciNode {
    [CmdletBinding()]
    param()
    $arguments = @('host', 'init')
    Invoke-Engine -Arguments $arguments
}

<#
.SYNOPSIS
Makes a cluster, or goes on making one, and puts it into your kubeconfig.
.EXAMPLE
New-AksHciCluster -clusterName demo -linuxNodeCount 2 -windowsNodeCount 0
#>
function New-AksHciCluster {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)][Alias('clusterName')][ValidatePattern('^[A-Za-z][A-Za-z0-9-]{1,43}[A-Za-z0-9]$')]
        [string] $Name,
        [Alias('nodeCount')][ValidateRange(1, 1000)][int] $LinuxNodeCount = 1,
        [int] $WindowsNodeCount = 0,
        [ValidateSet(1, 3, 5)][int] $ControlPlaneNodeCount = 1,
        [string] $KubernetesVersion
    )
    if ($WindowsNodeCount -gt 0) {
        throw 'Machines with Windows cannot be made on-prem: the image that hosts have is Linux. Say -windowsNodeCount 0.'
    }
    # Whoever calls it has agreed. What is not said is not asked for: a cluster that is there keeps what it has.
    $arguments = @('create', $Name, '--yes')
    if ($PSBoundParameters.ContainsKey('LinuxNodeCount')) {
        $arguments += @('--nodes', "$LinuxNodeCount")
    }
    if ($PSBoundParameters.ContainsKey('ControlPlaneNodeCount')) {
        $arguments += @('--control-plane-nodes', "$ControlPlaneNodeCount")
    }
    if ($KubernetesVersion) {
        $arguments += @('--kubernetes', $KubernetesVersion)
    }
    Invoke-Engine -Arguments $arguments
}

<#
.SYNOPSIS
Tells of the clusters in this folder, or of one of them: its nodes and its resources.
#>
function Get-AksHciCluster {
    [CmdletBinding()]
    param([Parameter(Position = 0)][Alias('clusterName')][string] $Name)
    if ($Name) {
        $folders = @(Get-ClusterFolder -Name $Name)
    } elseif (Test-Path -Path '_output') {
        $folders = @(Get-ChildItem -Path '_output' -Directory |
            Where-Object { Test-Path -Path (Join-Path -Path $_.FullName -ChildPath 'state') } |
            ForEach-Object { $_.FullName })
    } else {
        $folders = @()
    }
    foreach ($folder in $folders) {
        $arguments = @('status', '--output-directory', $folder, '--json')
        $status = & engine @arguments | Out-String | ConvertFrom-Json
        $code = $LASTEXITCODE
        # It tells what it has seen also where it could not see all, and the other clusters are told of all the same.
        if ($status -and $status.PSObject.Properties['cluster']) {
            $status
        }
        if ($code -ne 0) {
            Write-Error -Message "engine status ended with exit code $code"
        }
    }
}

<#
.SYNOPSIS
Puts a cluster into your kubeconfig, or into the one that -configPath names, as the context of its name.
#>
function Get-AksHciCredential {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)][Alias('clusterName')][string] $Name,
        [Alias('outputLocation')][string] $ConfigPath
    )
    $arguments = @('kubeconfig', '--output-directory', (Get-ClusterFolder -Name $Name))
    if ($ConfigPath) {
        $arguments += @('--kubeconfig', $ConfigPath)
    }
    Invoke-Engine -Arguments $arguments
}

<#
.SYNOPSIS
Deletes a cluster and its context, after a question; -Confirm:$false asks none.
#>
function Remove-AksHciCluster {
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param([Parameter(Mandatory, Position = 0)][Alias('clusterName')][string] $Name)
    if ($PSCmdlet.ShouldProcess($Name, 'delete the cluster')) {
        $arguments = @('destroy', '--output-directory', (Get-ClusterFolder -Name $Name), '--yes')
        Invoke-Engine -Arguments $arguments
    }
}

Export-ModuleMember -Function Initialize-AksHciNode, New-AksHciCluster, Get-AksHciCluster, Get-AksHciCredential,
    Remove-AksHciCluster
