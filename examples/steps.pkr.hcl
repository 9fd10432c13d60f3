# Three steps on this machine. The second one fails until out/license is there:
#   holdfast build examples/steps.pkr.hcl; touch out/license; holdfast build examples/steps.pkr.hcl
variable "greeting" {
  default = "hello"
}

source "null" "local" {
  communicator = "none"
}

build {
  sources = ["source.null.local"]

  provisioner "shell-local" {
    inline = ["mkdir -p out", "echo ${var.greeting} >out/greeting.txt"]
  }

  provisioner "shell-local" {
    inline = ["test -e out/license || { echo 'out/license is missing'; exit 3; }"]
  }

  provisioner "shell-local" {
    environment_vars = ["NAME=${var.greeting}"]
    script           = "${path.root}/scripts/report.sh"
  }
}
