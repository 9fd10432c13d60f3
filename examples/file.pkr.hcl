# A file as an artifact: holdfast records its size and SHA-256, and builds again when it is gone or changed.
variable "motd" {
  default = "Welcome.\n"
}

source "file" "motd" {
  content = var.motd
  target  = "out/motd"
}

build {
  sources = ["source.file.motd"]

  post-processor "manifest" {
    output = "out/manifest.json"
  }
}
