/** Programs that fetch a link to show what is behind it, in a chat or a search: they get a description, never bytes. */

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
  'Snapchat',
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
