/** The renderer that runs the kustomize and the helm of this machine, each time in a fresh folder that holds the given files and nothing else. */
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { fileBytes } from '../../pipeline/file-text.ts';
import {
  type FileTexts,
  MAXIMUM_RENDERED_BYTES,
  RenderError,
  type Renderer,
  type RenderRequest,
} from '../../ports/renderer.ts';
import { type ChildEnd, type ChildLimits, runChild } from './child.ts';
import { turns } from './turns.ts';

const DEFAULT_LIMITS: ChildLimits = {
  timeoutMs: 20_000,
  outputBytes: MAXIMUM_RENDERED_BYTES,
  memoryBytes: 384 * 1024 * 1024,
};
/** Programs that run at once: each may take the whole memory limit. */
const MAXIMUM_SIDE_BY_SIDE = 2;
const MAXIMUM_MESSAGE_CHARACTERS = 1_500;

/** Nothing listens there. What these programs fetch although they are told not to goes nowhere. */
const NOWHERE = 'http://127.0.0.1:9';

const PROGRAMS = {
  kustomize: { variable: 'GENNAKER_KUSTOMIZE', page: 'https://kubectl.docs.kubernetes.io/installation/kustomize' },
  helm: { variable: 'GENNAKER_HELM', page: 'https://helm.sh/docs/intro/install' },
} as const;

export type RendererEnvironment = { readonly [name: string]: string | undefined };

/**
 * A renderer that finds its programs where GENNAKER_KUSTOMIZE and GENNAKER_HELM say, else on the PATH of
 * `environment`, when they are first needed. They inherit nothing of it. They get no PATH either, so they can start
 * nothing, and the folder goes with everything in it when they have ended.
 */
export function programRenderer(environment: RendererEnvironment, limits: Partial<ChildLimits> = {}): Renderer {
  const inTurn = turns(MAXIMUM_SIDE_BY_SIDE);
  return {
    async render({ files, request, signal }) {
      const program = await findProgram(request.program, environment);
      return inTurn(signal, () =>
        inFreshFolder(async (root) => {
          const folder = join(root, 'files');
          await mkdir(folder);
          await mkdir(join(root, 'home'));
          await writeFiles(folder, files);
          if (request.program === 'helm') await writeFile(join(root, SET_FILE), JSON.stringify(request.set));
          const bounds = { ...DEFAULT_LIMITS, ...limits };
          const end = await runChild({
            program,
            args: argumentsOf(request),
            folder,
            environment: ENVIRONMENT,
            limits: bounds,
            signal,
          });
          return textOf(request.program, end, bounds, folder);
        }),
      );
    },
  };
}

const SET_FILE = 'set.json';

/** Paths relative to the folder of the files: kustomize can put variables into objects, and these are the same every time. */
const ENVIRONMENT = {
  HOME: '../home',
  TMPDIR: '../home',
  PATH: '',
  LANG: 'C',
  HTTP_PROXY: NOWHERE,
  HTTPS_PROXY: NOWHERE,
  HELM_NO_PLUGINS: '1',
  HELM_PLUGINS: '../home/plugins',
  HELM_CACHE_HOME: '../home/cache',
  HELM_CONFIG_HOME: '../home/config',
  HELM_DATA_HOME: '../home/data',
  KUBECONFIG: '../home/kubeconfig',
} as const;

function argumentsOf(request: RenderRequest): string[] {
  if (request.program === 'kustomize') {
    return ['build', `./${request.folder}`, '--load-restrictor', 'LoadRestrictionsRootOnly'];
  }
  const { release, chart, namespace, values, kubeVersion, apiVersions, checksSchema } = request;
  return [
    ...['template', release, `./${chart}`, '--namespace', namespace, '--include-crds', '--skip-tests'],
    // The flag takes a list in CSV.
    ...values.flatMap((path) => ['--values', `"./${path.replaceAll('"', '""')}"`]),
    ...['--values', `../${SET_FILE}`],
    ...(kubeVersion === undefined ? [] : ['--kube-version', kubeVersion]),
    ...apiVersions.flatMap((version) => ['--api-versions', version]),
    ...(checksSchema ? [] : ['--skip-schema-validation']),
  ];
}

function textOf(name: keyof typeof PROGRAMS, end: ChildEnd, limits: ChildLimits, folder: string): string {
  if (end.is === 'ended' && end.code === 0) return end.stdout.toString('utf8');
  if (end.is === 'ended') throw new RenderError('refused', complaintOf(name, end.stderr, folder));
  const sentences = {
    time: `did not end within ${limits.timeoutMs / 1000} s`,
    output: `printed more than ${limits.outputBytes} bytes`,
    memory: `needed more than ${limits.memoryBytes} bytes of memory`,
    signal: 'was told to stop',
  };
  throw new RenderError('over-limit', `${name} ${sentences[end.because]} and was ended`);
}

/** What the program said, in one line, with paths as the author knows them. */
function complaintOf(name: string, stderr: string, folder: string): string {
  const text = stderr
    .replaceAll(`${folder}/`, '')
    .replaceAll(folder, '.')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(Use --debug flag|level=)/.test(line))
    .join(' ')
    .replace(/^Error: /, '');
  const short = text.length <= MAXIMUM_MESSAGE_CHARACTERS ? text : `${text.slice(0, MAXIMUM_MESSAGE_CHARACTERS)}…`;
  return `${name}: ${short === '' ? 'failed and did not say why' : short.toWellFormed()}`;
}

async function findProgram(name: keyof typeof PROGRAMS, environment: RendererEnvironment): Promise<string> {
  const { variable, page } = PROGRAMS[name];
  const named = environment[variable];
  if (named !== undefined && named !== '') {
    if (isAbsolute(named) && (await isExecutable(named))) return named;
    throw new RenderError(
      'missing-program',
      `${variable} names "${named}", which is not the absolute path of a program`,
    );
  }
  for (const folder of (environment.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    if (isAbsolute(folder) && (await isExecutable(path))) return path;
  }
  throw new RenderError(
    'missing-program',
    `${name} is not on the PATH of the machine that renders; install it (${page}) or give its path in ${variable}`,
  );
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function inFreshFolder<T>(work: (root: string) => Promise<T>): Promise<T> {
  // Only this user may look into what mkdtemp makes. The programs tell real paths.
  const root = await realpath(await mkdtemp(join(tmpdir(), 'gennaker-render-')));
  try {
    return await work(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function writeFiles(folder: string, files: FileTexts): Promise<void> {
  const made = new Set<string>();
  for (const [path, text] of Object.entries(files)) {
    if (!staysInside(path)) throw new RenderError('refused', `the file name ${JSON.stringify(path)} is not taken`);
    const full = join(folder, path);
    try {
      const parent = dirname(full);
      if (!made.has(parent)) await mkdir(parent, { recursive: true });
      made.add(parent);
      await writeFile(full, fileBytes(text), { flag: 'wx' });
    } catch (cause) {
      throw new Error(`the file ${path} could not be written for rendering`, { cause });
    }
  }
}

function staysInside(path: string): boolean {
  const parts = path.split('/');
  return (
    !path.includes('\0') && !path.includes('\\') && parts.every((part) => part !== '' && part !== '.' && part !== '..')
  );
}
