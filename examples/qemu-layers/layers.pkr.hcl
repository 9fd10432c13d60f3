variable "image" {
  type        = string
  description = "A bootable disk image (qcow2) that lets you in by ssh, such as a cloud image that knows your key."
}

variable "ssh_username" {
  type    = string
  default = "root"
}

variable "ssh_key" {
  type        = string
  description = "File of the private key that the image lets in."
}

variable "shutdown_command" {
  type    = string
  default = "sync; poweroff"
}

variable "accelerator" {
  type        = string
  default     = "kvm"
  description = "kvm, or tcg where there is none: it works too, some ten times slower."
}

variable "memory" {
  type    = number
  default = 1024
}

variable "disk_size" {
  type    = string
  default = "8G"
}

variable "qemuargs" {
  type    = list(list(string))
  default = []
}

source "qemu" "server" {
  disk_image           = true
  iso_url              = var.image
  iso_checksum         = "none"
  format               = "qcow2"
  disk_size            = var.disk_size
  output_directory     = "output"
  vm_name              = "server.qcow2"
  accelerator          = var.accelerator
  memory               = var.memory
  headless             = true
  boot_wait            = "0s"
  ssh_username         = var.ssh_username
  ssh_private_key_file = var.ssh_key
  ssh_timeout          = "10m"
  shutdown_command     = var.shutdown_command
  qemuargs             = var.qemuargs
}

build {
  sources = ["source.qemu.server"]

  # What takes long and changes rarely comes first. Its layer serves every build until this script changes.
  provisioner "shell" {
    script = "${path.root}/scripts/base.sh"
  }

  # What changes often comes last: a change here goes on from the layer above.
  provisioner "shell" {
    script = "${path.root}/scripts/app.sh"
  }
}
