# shellcheck shell=bash
# Networks of network namespaces, for tests/real/site, bridge and pair, which source this in a folder and namespaces of their
# own. `worker` and `worker_subnet` are the worker's address, where that is not 10.240.0.4 in 10.240.0.0/16.

fail() {
  echo "FAILED: $*" >&2
  tail -n 20 gateway.log >&2 || true
  ip -n gateway address >&2 || true
  ip -n gateway rule >&2 || true
  ip -n gateway route show table 4242 >&2 || true
  exit 1
}

# node NAME BRIDGE INTERFACE [ADDRESS]: a namespace with an interface on a bridge.
node() {
  local name=$1 bridge=$2 interface=$3 address=${4:-}
  ip netns add "$name" 2>/dev/null || true
  ip link add "v$name$interface" type veth peer name "$interface" netns "$name"
  ip link set "v$name$interface" master "$bridge" up
  ip -n "$name" link set lo up
  ip -n "$name" link set "$interface" up
  [ -z "$address" ] || ip -n "$name" address add "$address" dev "$interface"
}

# Machines answer with their name and with who asks.
cat >answer.py <<'PY'
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{sys.argv[1]} {self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[2])), Answer).serve_forever()
PY

# hardware NODE INTERFACE: its hardware address.
hardware() {
  ip -n "$1" -json link show "$2" | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["address"])'
}
# configuration ROUTER [MORE]: what the target tells the gateway, with a front end at 192.0.2.50, the site's router if it is not
# empty, and more keys in a JSON object.
configuration() {
  python3 - "$(hardware gateway eth1)" "$1" "${2:-"{}"}" "$(hardware plane eth0)" "$(hardware worker eth0)" \
    "${worker:-10.240.0.4}" "${worker_subnet:-10.240.0.0/16}" <<'PY' >gateway/new
import json, sys
mac, router, more, plane, worker, worker_address, worker_subnet = sys.argv[1:]
group = "/subscriptions/s/resourceGroups/rg/providers"
plain = lambda mac: mac.replace(":", "").upper()
def machine(name, address, pool, mac, subnet="10.240.0.0/16"):
    return {
        "id": f"{group}/Microsoft.Compute/virtualMachines/{name}", "name": name, "computerName": name, "vmId": name,
        "size": "s", "location": "local", "resourceGroup": "rg", "subscriptionId": "s", "environment": "AzurePublicCloud",
        "faultDomain": 0, "updateDomain": 0, "system": "Linux", "administrator": {"name": "a", "passwordDisabled": True},
        "tags": {"poolName": pool},
        "interfaces": [{"mac": plain(mac), "subnet": subnet, "addresses": [{"private": address}]}],
    }
print(json.dumps({
    "format": 2, "network": f"{group}/Microsoft.Network/virtualNetworks/vnet",
    "addresses": ["10.240.0.2/16", "168.63.129.16/32", "169.254.169.254/32"],
    "machines": [
        machine("plane", "10.240.255.5", "master", plane), machine("worker", worker_address, "pool1", worker, worker_subnet),
    ],
    "balancers": [{
        "id": "lb", "name": "lb", "frontends": [{"name": "front", "address": "192.0.2.50", "public": True}],
        "rules": [{
            "name": "api", "protocol": "tcp", "listen": "192.0.2.50:443",
            "backends": [{"name": "plane", "address": "10.240.255.5:443"}], "idleTimeoutMinutes": 4,
        }], "natRules": [],
    }],
    "site": {"bridge": "br0", "mac": plain(mac), "addresses": ["192.0.2.50/32"], **({"router": router} if router else {})},
    "serviceAddresses": ["192.0.2.80/30"],
    **json.loads(more),
}))
PY
  chmod 0600 gateway/new
  mv gateway/new gateway/gateway.json
}

# from NODE URL: what answers.
from() {
  ip netns exec "$1" curl --silent --show-error --max-time 5 --noproxy '*' "$2" 2>&1 || true
}
# hears NODE URL TEXT: soon.
hears() {
  local tries
  for ((tries = 0; tries < 40; tries++)); do
    [ "$(from "$1" "$2")" != "$3" ] || { echo "ok: $1 asks $2: $3"; return; }
    sleep 0.5
  done
  fail "$1 asks $2 and hears: $(from "$1" "$2"); not: $3"
}
# tell NODE SERVICES: control-plane machines tell of services. Prints the status and the answer.
tell() {
  ip netns exec "$1" curl --silent --max-time 5 --noproxy '*' --request PUT --header 'Metadata: true' --write-out ' %{http_code}' \
    --data "{\"format\": 1, \"nodes\": [\"${worker:-10.240.0.4}\"], \"services\": [$2]}" http://169.254.169.254/engine/services
}
service() {
  echo "{\"uid\": \"$1\", \"name\": \"default/$1\", \"idleTimeoutMinutes\": 4, \"ports\": [{\"protocol\": \"TCP\", \"port\": 80, \"nodePort\": 30080}]${2:-}}"
}

