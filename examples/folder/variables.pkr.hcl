variable "release" {
  type = string
}
