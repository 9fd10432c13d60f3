/** What goes into a fingerprint, before anything is evaluated or read; the same for both forms of templates. */

/** A part of a template and what it refers to. */
export interface Ingredients {
  /** Counted as they stand. */
  readonly tokens: readonly string[]
  /** The variables whose values count, by name. */
  readonly variables: readonly string[]
  /** Expressions of functions whose result counts: the names that `fileset` finds. */
  readonly values: readonly string[]
  readonly files: readonly FileMention[]
  /** Sentences about everything that is known only during a run. */
  readonly unknown: readonly string[]
}

/** A place that may name files or folders: a path, or a list of them. */
export interface FileMention {
  /** For a message: `provisioner "shell: a.sh", script`. */
  readonly where: string
  /** Its paths, or an expression of the template's form that Packer must evaluate. */
  readonly paths: readonly string[] | { readonly expression: string }
  /** What relative paths start from: where Packer runs, or the template's folder. */
  readonly from: 'cwd' | 'folder'
  /** Whether a path of which nothing exists is a mistake. */
  readonly required: boolean
}

export interface SourceIngredients {
  readonly base: Ingredients
  /** In the order of the source's provisioners. */
  readonly steps: readonly Ingredients[]
  /** The post-processors. */
  readonly rest: Ingredients
}

const INPUT = /^(scripts?|sources?|iso_urls?|playbook\w*|\w*_(files?|paths?|dirs?|directory|directories|templates?))$/
const OUTPUT = /^(output|target|dest|remote|staging|iso_target|guest|vm|temp|tmp)/

/** Whether an attribute of this name takes paths of files to read, by the conventions of Packer's plugins. */
export function namesInputFiles(attribute: string): boolean {
  return INPUT.test(attribute) && !OUTPUT.test(attribute)
}

/** Whether Packer cannot go on without the file that an attribute of this name takes. */
export function requiresFile(attribute: string): boolean {
  return /^scripts?$/.test(attribute)
}
