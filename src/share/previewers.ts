/**
 * Requests that no person made. Programs that show what is behind a link, in a chat or a search, get a description;
 * browsers that fetch ahead get nothing. Neither gets bytes.
 */
import type { IncomingHttpHeaders } from 'node:http'

/** Names in User-Agent, as their makers document them. */
const NAMES = [
  'facebookexternalhit', // Facebook, Instagram, LINE; Apple's Messages adds it to Safari's.
  'facebookcatalog',
  'meta-externalagent',
  'WhatsApp/', // Signal too.
  'Slack-ImgProxy',
  'SkypeUriPreview', // Teams and Skype.
  'MicrosoftPreview',
  'BingPreview',
  'Google-PageRenderer',
  'Google-InspectionTool',
  'GoogleOther',
  'Iframely',
  'Embedly',
  'Mastodon/',
  'Pleroma',
  'Akkoma',
  'Misskey',
  'Cardyb', // Bluesky.
  'Bluesky',
  'Synapse ', // Matrix.
  'Viber',
  'vkShare',
  'Snap URL Preview',
  'Slurp', // Yahoo.
  'kakaotalk-scrap',
  'developers.google.com/+/web/snippet', // Google Chat.
  'meta-externalfetcher',
  'Discourse Forum Onebox',
  'FlipboardProxy',
  'Friendica',
  'GoToSocial',
  'Lemmy/',
  'PeerTube/',
  'XenForo/',
  'WordPress/',
  'Tumblr/',
  'Valve/Steam',
  'Rocket.Chat',
  'Nextcloud Server Crawler',
  'ZulipURLPreview',
  'Qwantify',
  'ia_archiver',
  'W3C_Validator',
]
const NAMED = new RegExp(NAMES.map((name) => name.replaceAll(/[.+]/g, String.raw`\$&`)).join('|'), 'i')
/**
 * Slackbot-LinkExpanding, Discordbot/2.0, TelegramBot, Twitterbot, LinkedInBot, Googlebot and all that name themselves
 * so.
 */
const GENERIC = /(?<!cu)bot\b|crawler|spider|link-?preview|linkexpand|urlpreview|unfurl/i

export function isPreviewer(userAgent: string): boolean {
  return NAMED.test(userAgent) || GENERIC.test(userAgent)
}

/** Whether a browser asks for a page that a person may open later, or never. */
export function isPrefetch(headers: IncomingHttpHeaders): boolean {
  const purposes = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].map((name) => String(headers[name] ?? ''))
  return purposes.some((purpose) => /\b(prefetch|preview)\b/i.test(purpose))
}
