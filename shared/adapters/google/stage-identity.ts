/** The system's own identity at Google, for stages that work in the projects which the admins have listed for that. */
import type { GoogleIdentity } from '../../stages/kind.ts';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/** `projects` are those in which stages may act with the application default credentials. Opened on the first use. */
export function stageIdentity({ projects }: { readonly projects: readonly string[] }): GoogleIdentity {
  return {
    async token({ project }) {
      if (!projects.includes(project)) return undefined;
      const { GoogleAuth } = await import('google-auth-library');
      const token = await new GoogleAuth({ scopes: [SCOPE] }).getAccessToken();
      if (token) return token;
      throw new Error('the metadata server gave no access token');
    },
  };
}
