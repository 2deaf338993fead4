import { sendRequest as sendInBrowser } from '../../src/http/browser.js'
import { sendRequest } from '../../src/http/node.js'
import { describeRequests } from './contract.js'

describeRequests('fetch', sendInBrowser)
describeRequests('node:http', sendRequest)
