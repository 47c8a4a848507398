// A machine's whole user space, for tests/real/rules: it gets its address by DHCP, answers on a few ports with its name and with who
// asks, and on port 8080 tells whether it reaches another machine (/dial?to=ADDRESS:PORT).
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func check(what string, err error) {
	if err != nil {
		fmt.Println("answer:", what, err)
	}
}

// Each file of /modules, by name: they stand in the order in which they need each other.
func modules() {
	files, _ := filepath.Glob("/modules/*.ko")
	for _, name := range files {
		file, err := os.Open(name)
		check(name, err)
		parameters, _ := syscall.BytePtrFromString("")
		// finit_module(2) on x86-64.
		_, _, code := syscall.Syscall(313, file.Fd(), uintptr(unsafe.Pointer(parameters)), 0)
		if code != 0 {
			check(name, code)
		}
	}
}

func main() {
	for _, folder := range []string{"/proc", "/sys", "/dev", "/run"} {
		os.MkdirAll(folder, 0o755)
	}
	check("proc", syscall.Mount("proc", "/proc", "proc", 0, ""))
	check("sys", syscall.Mount("sysfs", "/sys", "sysfs", 0, ""))
	check("dev", syscall.Mount("devtmpfs", "/dev", "devtmpfs", 0, ""))
	modules()
	for tries := 0; tries < 100; tries++ {
		if _, err := net.InterfaceByName("eth0"); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	output, err := exec.Command("/bin/ipconfig", "-t", "120", "-c", "dhcp", "eth0").CombinedOutput()
	fmt.Print("answer: ", string(output))
	check("ipconfig", err)
	name := "nobody"
	told, _ := os.ReadFile("/run/net-eth0.conf")
	for _, line := range strings.Split(string(told), "\n") {
		if value, found := strings.CutPrefix(line, "HOSTNAME="); found {
			name = strings.Trim(value, "'")
		}
	}
	http.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) {
		host, _, _ := net.SplitHostPort(request.RemoteAddr)
		fmt.Fprintln(writer, name, host)
	})
	http.HandleFunc("/dial", func(writer http.ResponseWriter, request *http.Request) {
		connection, err := net.DialTimeout("tcp", request.URL.Query().Get("to"), 5*time.Second)
		if err != nil {
			fmt.Fprintln(writer, "silence")
			return
		}
		connection.Close()
		fmt.Fprintln(writer, "answers")
	})
	for _, port := range []string{":22", ":443", ":8080", ":10250"} {
		go func() { check(port, http.ListenAndServe(port, nil)) }()
	}
	fmt.Println("answer:", name, "is there")
	select {}
}
