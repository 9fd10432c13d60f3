/** What Holdfast knows of a Packer template: its sources and, for each, the provisioners in their order. */

/** A template as it was read; all positions and texts are of that moment. */
export interface Template {
  /** As the user gave it: a file, or a folder of `.pkr.hcl` files. */
  readonly path: string
  readonly format: 'hcl2' | 'json'
  /** Absolute: Packer's `path.root`, or `template_dir`. */
  readonly folder: string
  /** The file's name without its endings, or the folder's name. */
  readonly name: string
  /** One for each source of each build block, in the template's order. */
  readonly sources: readonly TemplateSource[]
}

export interface TemplateSource {
  /** What `-only` takes: `null.a`, `img.null.a` in a named build block, `a` in JSON. */
  readonly fullName: string
  /** `qemu`, `null`, `amazon-ebs`. */
  readonly builderType: string
  /** The provisioners that run for this source (after `only` and `except`), in their order. */
  readonly provisioners: readonly TemplateProvisioner[]
}

export interface TemplateProvisioner {
  /**
   * Its name in the template, or its type and the first thing it does: `shell-local: make image`. Unique in its
   * source.
   */
  readonly name: string
  /** `shell`, `file`, `ansible`. */
  readonly type: string
}

/** What a build is made from, as hashes (SHA-256, lower-case hex): equal hashes, equal inputs. */
export interface Fingerprint {
  /**
   * The source's own block, the variables and locals that it uses, the files it names, packer's and the plugins'
   * versions.
   */
  readonly base: string
  /** After each provisioner: the hash of all that led to it and of itself with its variables and files. */
  readonly steps: readonly string[]
  /** How many of the steps, from the first on, have nothing unknown in them: equal hashes of others promise nothing. */
  readonly certainSteps: number
  /** Of everything, post-processors included. */
  readonly final: string
  /** The files that were read, by path. */
  readonly files: readonly { readonly path: string; readonly sha256: string }[]
  /**
   * What only a run can tell (an expression of `build.*`): such a build is never up to date. Sentences for a person.
   */
  readonly unknown: readonly string[]
}

/** How a run's template differs from the user's. */
export interface DeriveOptions {
  /** The first provisioner to run; those before it are left out. */
  readonly from: number
  /** Where each provisioner's start and end is appended, a line of JSON each. Absolute. */
  readonly eventsFile: string
  /** Where Packer's manifest post-processor writes. Absolute. */
  readonly manifestFile: string
  /** Where the user's manifest post-processors write instead of to the user's files. */
  readonly manifests: {
    /** Absolute. */
    readonly folder: string
    /** Run behind each of them, with its number among them; the user's file is in HOLDFAST_MANIFEST. */
    readonly command: readonly string[]
  }
  /** The user's TMPDIR ('' for none), for local steps and `env("TMPDIR")`, where Packer itself has another. */
  readonly tmpdir?: string
  /** For qemu. */
  readonly qemu?: {
    /** The disk image (qcow2) that the build starts from, instead of the source's own. An absolute path. */
    readonly baseImage?: string
    /** What QEMU reads with `-readconfig`: where it listens for QMP. Absolute. */
    readonly monitorFile: string
    /** Run on this host after each provisioner, with the provisioner's number behind it. */
    readonly checkpointCommand: readonly string[]
  }
}
