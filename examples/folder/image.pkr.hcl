source "file" "release" {
  content = "release ${var.release}\n"
  target  = "out/release"
}

build {
  name    = "image"
  sources = ["source.file.release"]

  provisioner "shell-local" {
    inline = ["echo checked ${var.release}"]
  }
}
