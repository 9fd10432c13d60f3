# Two sources, built side by side, each with a record, a log and retries of its own.
source "null" "quick" {
  communicator = "none"
}

source "null" "slow" {
  communicator = "none"
}

build {
  sources = ["source.null.quick", "source.null.slow"]

  provisioner "shell-local" {
    inline = ["mkdir -p out", "echo $PACKER_BUILD_NAME >>out/prepared"]
  }

  provisioner "shell-local" {
    only   = ["null.slow"]
    inline = ["sleep 1", "echo $PACKER_BUILD_NAME >>out/rested"]
  }
}
